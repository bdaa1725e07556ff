// Times for people: how long ago, how long still. By hand and not by the browser's `Intl`, whose first use takes a phone longer than all
// else that a page does before it is there.

import { t } from '../strings';
import { now } from './clock';

export type Unit = 'second' | 'minute' | 'hour' | 'day' | 'week' | 'month' | 'year';

const STEPS: [number, Unit][] = [
  [60, 'second'],
  [60, 'minute'],
  [24, 'hour'],
  [7, 'day'],
  [4.35, 'week'],
  [12, 'month'],
  [Number.POSITIVE_INFINITY, 'year'],
];

const two = (number: number) => String(number).padStart(2, '0');

/** `in 23 hours`, `5 minutes ago`; the text itself when it is no time. */
export function relative(time: string, from = now()): string {
  const at = Date.parse(time);
  if (Number.isNaN(at)) return time;
  let left = (at - from) / 1000;
  for (const [size, unit] of STEPS) {
    if (Math.abs(left) < size) return t.time.away(Math.trunc(left), unit);
    left /= size;
  }
  return time;
}

export function hour(time: string): string {
  const at = new Date(time);
  return Number.isNaN(at.getTime()) ? time : `${two(at.getHours())}:${two(at.getMinutes())}`;
}

export function exact(time: string): string {
  const at = new Date(time);
  if (Number.isNaN(at.getTime())) return time;
  return `${t.time.day(at.getDate(), at.getMonth(), at.getFullYear())}, ${hour(time)}:${two(at.getSeconds())}`;
}
