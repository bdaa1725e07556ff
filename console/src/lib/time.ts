// Times for people: how long ago, how long still.

import { now } from './clock';

const STEPS: [number, Intl.RelativeTimeFormatUnit][] = [
  [60, 'second'],
  [60, 'minute'],
  [24, 'hour'],
  [7, 'day'],
  [4.35, 'week'],
  [12, 'month'],
  [Number.POSITIVE_INFINITY, 'year'],
];

const words = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const whole = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });

/** `in 23 hours`, `5 minutes ago`; the text itself when it is no time. */
export function relative(time: string, from = now()): string {
  const at = Date.parse(time);
  if (Number.isNaN(at)) return time;
  let left = (at - from) / 1000;
  for (const [size, unit] of STEPS) {
    if (Math.abs(left) < size) return Math.abs(left) < 1 && unit === 'second' ? 'now' : words.format(Math.trunc(left), unit);
    left /= size;
  }
  return time;
}

export function hour(time: string): string {
  const at = Date.parse(time);
  return Number.isNaN(at) ? time : clock.format(at);
}

export function exact(time: string): string {
  const at = Date.parse(time);
  return Number.isNaN(at) ? time : whole.format(at);
}
