// Which keys do what, as the list of keys has them.

import { t } from '../strings';
import { ENTRIES } from './route';

export const KEYS: [string, string][] = [...ENTRIES.map(({ page, letter }): [string, string] => [`g ${letter}`, t.pages[page]]), ...t.help.keys];
