// One scene: `node run.mjs NAME '{"binary": ..., "home": ...}'`. The gateway of that home is running. Exit code 0 when
// it holds; else the reason is on standard error.

import { Stage, same } from './stage.mjs';
import * as agents from './agents.mjs';
import * as approvals from './approvals.mjs';
import * as chat from './chat.mjs';
import * as figures from './figures.mjs';
import * as health from './health.mjs';
import * as hostile from './hostile.mjs';
import * as hull from './hull.mjs';
import * as keys from './keys.mjs';
import * as lighthouse from './lighthouse.mjs';
import * as lever from './lever.mjs';
import * as looks from './looks.mjs';
import * as people from './people.mjs';
import * as provider from './provider.mjs';
import * as record from './record.mjs';
import * as rights from './rights.mjs';
import * as seen from './seen.mjs';

const [name, setting] = process.argv.slice(2);
const scene = { ...agents, ...approvals, ...chat, ...figures, ...health, ...hostile, ...hull, ...keys, ...lever, ...lighthouse, ...looks, ...people, ...provider, ...record, ...rights, ...seen }[name];
if (scene === undefined) throw new Error(`there is no scene \`${name}\``);
const stage = await Stage.open(JSON.parse(setting));
try {
  await scene(stage);
  same('faults', stage.faults(), []);
} catch (error) {
  for (const [index, seat] of stage.seats.entries()) {
    await seat.page.screenshot({ path: `${stage.home}/console-${index}.png` }).catch(() => undefined);
    console.error(`page ${index}: ${seat.page.url()} ${seat.faults.join('; ')}`);
    console.error((await seat.page.locator('body').innerText().catch(() => '')).slice(0, 3000));
  }
  throw error;
} finally {
  await stage.close();
}
