// Somebody who comes by the organisation's identity provider, and has neither a password nor a passkey here.
import { readFileSync, writeFileSync } from 'node:fs';
import { withDevice } from './people.mjs';
import { holds, same } from './stage.mjs';

const BUTTON = 'Sign in with 127.0.0.1';

/** Where the settings say that the provider is. */
const issuerOf = (stage) => /^issuer = "([^"]*)"/m.exec(readFileSync(`${stage.home}/bulkhead.toml`, 'utf8'))[1];

/** Who the provider is told is at this browser, in place of somebody who types it there. */
async function at(seat, issuer, who) {
  seat.others = [issuer];
  await seat.context.unrouteAll();
  await seat.context.route(`${issuer}/auth?**`, (route) => {
    const url = new URL(route.request().url());
    url.searchParams.set('login_hint', who);
    return route.continue({ url: url.href });
  });
}

/** Their confirmation runs out, and the provider is what they confirm with: nothing that they were at is lost. */
export async function confirmsAtTheProvider(stage) {
  const settings = `${stage.home}/bulkhead.toml`;
  const issuer = issuerOf(stage);
  const { host } = new URL(stage.base);
  stage.base = stage.base.replace('127.0.0.1', 'localhost');
  const seat = await stage.seat();
  const { page } = seat;
  await at(seat, issuer, 'ada');
  await page.goto(stage.base);
  await page.getByRole('button', { name: BUTTON }).click();
  await page.getByRole('navigation').waitFor();
  same('nothing of the way is left in the address', new URL(page.url()).search, '');
  await seat.go('people');
  const device = await withDevice(seat);

  // The gateway forgets in a restart who confirmed, and the page stays as it is.
  writeFileSync(settings, readFileSync(settings, 'utf8').replace('127.0.0.1:0', host));
  stage.run('gateway', 'restart');
  const name = page.getByLabel('Name', { exact: true });
  await name.fill('this laptop');
  const add = page.getByRole('button', { name: 'Add a passkey' });
  await add.click();
  const dialog = page.getByRole('dialog');
  const there = dialog.getByRole('link', { name: 'Confirm with 127.0.0.1' });
  await there.waitFor();
  same('no password is asked for', await dialog.locator('input').count(), 0);
  await seat.accessible('the confirmation by the provider');
  await seat.shot('confirm-provider');

  // Somebody else at the provider confirms nothing, and it is said in both windows.
  const goes = async (who) => {
    await at(seat, issuer, who);
    const [window] = await Promise.all([seat.context.waitForEvent('page'), there.click()]);
    return window;
  };
  const wrong = await goes('eve');
  await wrong.getByRole('alert').getByText('confirm there as').waitFor();
  await dialog.getByRole('alert').getByText('confirm there as').waitFor();
  same('no code stays in the address', new URL(wrong.url()).search, '');
  await wrong.close();
  same('nothing is made', (await device.keys()).length, 0);

  await goes('ada');
  await page.getByRole('button', { name: 'Remove the passkey this laptop' }).waitFor();
  await dialog.waitFor({ state: 'hidden' });
  same('there is a passkey', (await device.keys()).length, 1);
}

/** Goes to the provider by the button. */
async function goes(seat) {
  const { page, stage } = seat;
  await page.goto(stage.base);
  await page.getByRole('button', { name: BUTTON }).click();
  await page.getByRole('button', { name: 'Let me in' }).waitFor();
  holds(`it is the provider's page: ${page.url()}`, seat.others.some((place) => page.url().startsWith(place)));
}

export async function signInByProvider(stage) {
  stage.base = stage.base.replace('127.0.0.1', 'localhost');
  const seat = await stage.seat();
  seat.others = [issuerOf(stage)];
  const { page } = seat;
  const returned = [];
  page.on('request', (request) => {
    if (request.url().includes('/sign-in/provider?')) returned.push(request.url());
  });

  // Who changes their mind there is told so here, and nobody is signed in.
  await goes(seat);
  await page.getByRole('button', { name: 'Not now' }).click();
  await page.getByRole('alert').waitFor();
  await page.getByRole('button', { name: BUTTON }).waitFor();
  await seat.accessible('the sign-in after a no of the provider');

  // Whose groups are worth nothing here is somebody there and nobody here.
  await goes(seat);
  await page.getByLabel('Who').fill('eve');
  await page.getByRole('button', { name: 'Let me in' }).click();
  await page.getByRole('alert').waitFor();
  same('navigation', await page.getByRole('navigation').count(), 0);
  await seat.context.clearCookies();

  await goes(seat);
  await page.getByLabel('Who').fill('ada');
  await page.getByRole('button', { name: 'Let me in' }).click();
  await page.getByRole('navigation').waitFor();
  holds(`no code stays in the address: ${page.url()}`, !/code=|state=/.test(page.url()));
  const ours = (await seat.context.cookies(stage.base)).filter(({ name }) => name === 'bulkhead');
  same('the cookie', ours.map(({ httpOnly, sameSite, path }) => [httpOnly, sameSite, path]), [[true, 'Strict', '/']]);
  holds('nothing secret is kept by the page', !(await page.evaluate(() => JSON.stringify([document.cookie, { ...localStorage }, { ...sessionStorage }]))).includes(ours[0].value));
  await seat.go('people');
  await page.locator('.me h2', { hasText: 'ada' }).waitFor();
  await page.locator('.me dd', { hasText: 'owners' }).waitFor();
  const [signIn] = stage.json('people', 'sign-ins', 'ada');
  same('how', signIn.how, 'provider');

  // What she was sent back with is good once, in her browser and in nobody's.
  const [, , last] = returned;
  holds(`she was sent back thrice: ${returned.length}`, last !== undefined && returned.length === 3);
  await page.getByRole('button', { name: 'Sign out' }).first().click();
  await page.getByRole('button', { name: BUTTON }).waitFor();
  for (const browser of [seat, await stage.seat()]) {
    await browser.page.goto(last);
    await browser.page.getByRole('alert').waitFor();
    same('signed in by it', await browser.page.getByRole('navigation').count(), 0);
  }
}
