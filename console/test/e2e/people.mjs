// Signing in, and what is one's own.
import { PASSWORD, PHONE, holds, same } from './stage.mjs';

export async function firstSignIn(stage) {
  const seat = await stage.seat();
  const { page } = seat;
  const noes = [];
  page.on('response', (answer) => answer.status() >= 400 && noes.push(`${answer.status()} ${answer.url()}`));
  await page.goto(stage.base);
  const byCode = page.getByRole('button', { name: 'With a one-time code' });
  await byCode.waitFor();
  // A browser in which nobody was signed in asks nothing that ends in an error of its log.
  await page.waitForLoadState('networkidle');
  same('what was refused', noes, []);
  await seat.shot('sign-in');
  await seat.accessible('the sign-in');
  const useCode = async (code) => {
    await byCode.click();
    await page.locator('[name=code]').fill(code);
    await page.locator('#password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Set password and sign in' }).click();
  };
  await useCode('no code of ours');
  await page.getByRole('alert').waitFor();
  const { code } = stage.json('people', 'invite', 'ada');
  await useCode(code);
  await page.getByRole('navigation').waitFor();

  // The cookie is the browser's alone, and nothing of it is kept where a script could read it.
  const [cookie] = await seat.context.cookies();
  same('the cookie', [cookie.name, cookie.httpOnly, cookie.sameSite, cookie.path], ['bulkhead', true, 'Strict', '/']);
  const kept = await page.evaluate(() => JSON.stringify([document.cookie, { ...localStorage }, { ...sessionStorage }]));
  holds('nothing secret is kept by the page', !kept.includes(cookie.value) && !kept.includes(PASSWORD) && !kept.includes(code));

  await page.reload();
  await page.getByRole('navigation').waitFor();
  await page.getByRole('button', { name: 'Sign out' }).first().click();
  await byCode.waitFor();
  await useCode(code);
  await page.getByRole('alert').waitFor();

  await page.getByRole('button', { name: 'With a password' }).click();
  for (const [password, lets] of [['a wrong password', false], [PASSWORD, true]]) {
    await page.getByLabel('Person').fill('ada');
    await page.locator('#password').fill(password);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await (lets ? page.getByRole('navigation') : page.getByRole('alert')).waitFor();
  }
}

export async function ownSignInsAndTokens(stage) {
  const ada = await stage.signedIn('ada');
  const { page } = ada;
  await ada.go('people');
  await page.getByText('this browser').waitFor();

  // Another browser of hers, ended from this one, is out.
  const other = await stage.elsewhere('ada');
  await page.reload();
  const others = page.locator('tr', { hasNotText: 'this browser' }).getByRole('button', { name: 'End the sign-in' });
  await others.click();
  await others.waitFor({ state: 'detached' });
  await other.page.getByText('Your sign-in is over').waitFor();

  // A token is shown once, works, and is over when it is ended.
  await page.getByRole('button', { name: 'Make a token' }).click();
  await page.getByLabel('What it is for').fill('nightly report');
  await page.getByRole('button', { name: 'Make a token' }).click();
  const token = await page.locator('code.secret').innerText();
  const asked = () => fetch(`${stage.base}api/v1/me`, { headers: { authorization: `Bearer ${token}` } });
  same('with the token', (await asked()).status, 200);
  await ada.shot('people');
  await page.reload();
  await page.getByText('nightly report').waitFor();
  holds('the token is shown once', !(await page.content()).includes(token));
  await page.getByRole('button', { name: 'End the token nightly report' }).click();
  await page.getByText('You have no token.').waitFor();
  same('after its end', (await asked()).status, 401);

  await page.getByLabel('Password until now').fill(PASSWORD);
  await page.getByLabel('New password').fill('another battery staple');
  await page.getByRole('button', { name: 'Change password' }).click();
  await page.getByText('The password has been changed.').waitFor();
}

export async function invitations(stage) {
  const ada = await stage.signedIn('ada');
  await ada.go('people');
  await ada.page.getByRole('button', { name: 'Invite bob' }).click();
  const code = (await ada.page.locator('code.secret').innerText()).trim();
  const grants = ada.page.getByRole('group', { name: 'Grants' });
  await grants.getByRole('row', { name: /^echo ask the agent owners .*by a wider grant/ }).waitFor();
  const bob = await stage.seat();
  await bob.page.goto(stage.base);
  await bob.page.getByRole('button', { name: 'With a one-time code' }).click();
  await bob.page.locator('[name=code]').fill(code);
  await bob.page.locator('#password').fill(PASSWORD);
  await bob.page.getByRole('button', { name: 'Set password and sign in' }).click();
  await bob.page.getByRole('navigation').waitFor();
  await bob.go('people');
  await bob.page.getByText('this browser').waitFor();
  same('what a member sees of others', await bob.page.getByRole('heading', { name: 'Everybody' }).count(), 0);
  same('what a member sees of grants', await bob.page.getByRole('heading', { name: 'Grants' }).count(), 0);
}

/** An administrator sees with what somebody comes in, and by which roles they may what; and ends it. */
export async function whatOthersComeInWithIsSeenAndEnded(stage) {
  const bob = await stage.signedIn('bob');
  await bob.go('people');
  await bob.page.getByRole('button', { name: 'Make a token' }).click();
  await bob.page.getByLabel('What it is for').fill('nightly report');
  await bob.page.getByRole('button', { name: 'Make a token' }).click();
  const token = await bob.page.locator('code.secret').innerText();
  const asked = () => fetch(`${stage.base}api/v1/me`, { headers: { authorization: `Bearer ${token}` } });
  same('with the token', (await asked()).status, 200);

  const ada = await stage.signedIn('ada');
  const { page } = ada;
  await ada.go('people');
  const everybody = page.getByRole('group', { name: 'Everybody' });
  await everybody.getByRole('row', { name: /^bob .*operator/ }).waitFor();
  // On a phone, too, it is seen in which groups somebody is and what they are.
  await page.setViewportSize(PHONE);
  const him = everybody.getByRole('row', { name: /^bob / });
  await him.getByText('operator', { exact: true }).filter({ visible: true }).waitFor();
  await him.getByText('owners', { exact: true }).filter({ visible: true }).waitFor();
  await him.getByText('1, 1', { exact: true }).filter({ visible: true }).waitFor();
  same('each is said once', await him.getByText('operator', { exact: true }).filter({ visible: true }).count(), 1);
  same('nothing is wider than the window', await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true);
  await ada.accessible('everybody on a phone');
  await ada.shot('people-phone');
  await page.setViewportSize({ width: 1280, height: 800 });
  same('and once beside the columns', await him.getByText('operator', { exact: true }).filter({ visible: true }).count(), 1);
  await everybody.getByRole('button', { name: 'Show sign-ins, passkeys and tokens of bob' }).click();
  await page.getByText('There is no passkey.').waitFor();
  await page.getByRole('group', { name: 'Tokens of bob' }).getByText('nightly report').waitFor();
  await ada.accessible('what bob comes in with');
  await ada.shot('people-others');
  await page.getByRole('button', { name: 'End the token nightly report, bob' }).click();
  await page.getByText('There is no token.').waitFor();
  same('the token is over', (await asked()).status, 401);
  await page.getByRole('button', { name: /^End the sign-in of bob/ }).click();
  await page.getByText('There is no sign-in.').waitFor();
  await bob.page.getByText('Your sign-in is over').waitFor();
}

/** A device with a passkey of its own in it, at a browser that knows the gateway by the name that passkeys have. */
export async function withDevice(seat) {
  const devtools = await seat.context.newCDPSession(seat.page);
  await devtools.send('WebAuthn.enable');
  const { authenticatorId } = await devtools.send('WebAuthn.addVirtualAuthenticator', {
    options: { protocol: 'ctap2', ctap2Version: 'ctap2_1', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true },
  });
  return {
    keys: async () => (await devtools.send('WebAuthn.getCredentials', { authenticatorId })).credentials,
    put: (credential) => devtools.send('WebAuthn.addCredential', { authenticatorId, credential }),
    clear: () => devtools.send('WebAuthn.clearCredentials', { authenticatorId }),
    unlocks: (isUserVerified) => devtools.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified }),
  };
}

/** The first sign-in of somebody who never has a password. */
export async function firstPasskey(stage) {
  stage.base = stage.base.replace('127.0.0.1', 'localhost');
  const seat = await stage.seat();
  const { page } = seat;
  const device = await withDevice(seat);
  const { code } = stage.json('people', 'invite', 'ada');
  await page.goto(stage.base);
  await page.getByRole('button', { name: 'With a one-time code' }).click();
  const first = page.getByRole('button', { name: 'Make a passkey instead' });
  await first.waitFor();
  holds('not without a code', await first.isDisabled());
  const typed = page.getByLabel('One-time code', { exact: false }).last();
  await typed.fill('AAAA-BBBB-CCCC');
  await first.click();
  await page.getByRole('alert').waitFor();
  same('a wrong code makes no passkey', (await device.keys()).length, 0);
  await typed.fill(code);
  await seat.accessible('the first sign-in');
  await first.click();
  await page.getByRole('navigation').waitFor();
  await seat.go('people');
  await page.getByRole('button', { name: 'Remove the passkey the first' }).waitFor();
  await page.getByRole('button', { name: 'Sign out' }).first().click();
  await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
  await page.getByRole('navigation').waitFor();
}

export async function passkeys(stage) {
  // At its bare address the page says where passkeys work.
  const elsewhere = await stage.signedIn('ada');
  await elsewhere.go('people');
  await elsewhere.page.getByText('Passkeys work where this page has its name').waitFor();
  same('no passkey can be made there', await elsewhere.page.getByRole('button', { name: 'Add a passkey' }).count(), 0);
  // What it goes on to ask would be taken for another origin's from here on.
  await elsewhere.context.close();
  stage.seats.length = 0;
  stage.base = stage.base.replace('127.0.0.1', 'localhost');

  const seat = await stage.signedIn('ada');
  const { page } = seat;
  const device = await withDevice(seat);
  await seat.go('people');
  const add = page.getByRole('button', { name: 'Add a passkey' });
  await page.getByLabel('Name', { exact: true }).fill('this laptop');
  await add.click();
  await page.getByRole('button', { name: 'Remove the passkey this laptop' }).waitFor();
  const [key] = await device.keys();
  same('it is bound to the name, and knows its person', [key.rpId, key.isResidentCredential], ['localhost', true]);
  await seat.accessible('the passkeys');
  await seat.shot('passkeys');

  // Out, and in again without a name or a password.
  const out = () => page.getByRole('button', { name: 'Sign out' }).first().click();
  const enter = page.getByRole('button', { name: 'Sign in with a passkey' });
  await out();
  await enter.waitFor();
  await seat.accessible('the sign-in with passkeys');
  await enter.click();
  await page.getByRole('navigation').waitFor();
  await seat.go('people');
  await page.getByText('passkey', { exact: false }).first().waitFor();

  // Nobody who does not unlock it.
  await out();
  await device.unlocks(false);
  await enter.click();
  await page.getByRole('alert').waitFor();
  await device.unlocks(true);

  // With the password alone nothing dangerous is done: it wants the passkey.
  await page.getByLabel('Person').fill('ada');
  await page.locator('#password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByRole('navigation').waitFor();
  await seat.go('people');
  await page.getByRole('button', { name: 'Invite bob' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('This needs your passkey').waitFor();
  same('no password is asked for', await dialog.locator('input').count(), 0);
  await seat.accessible('the confirmation by a passkey');
  await dialog.getByRole('button', { name: 'Use your passkey' }).click();
  await page.getByText('One-time code for bob').waitFor();

  // A copy that was made before counts behind, and is refused.
  await out();
  await device.clear();
  await device.put({ ...key, signCount: 0 });
  await enter.click();
  await page.getByText('there may be a copy').waitFor();

  // Removed, the device's key is nobody's.
  stage.run('people', 'passkey', 'remove', stage.json('people', 'passkey', 'list')[0].id);
  await device.clear();
  await device.put({ ...key, signCount: 1000 });
  await enter.click();
  await page.getByText('not known here').waitFor();
}

/** What is made, and whose answer is lost on the way, is not made a second time by pressing again. */
export async function aLostAnswerMakesNothingTwice(stage) {
  const ada = await stage.signedIn('ada');
  const { page } = ada;
  const keys = [];
  /** The first answer of what goes to this path is lost, once the gateway has given it. */
  const loses = async (path) => {
    let first = true;
    await page.route(`**/api/v1/${path}`, async (route) => {
      if (route.request().method() !== 'POST') return route.continue();
      keys.push(await route.request().headerValue('idempotency-key'));
      if (!first) return route.continue();
      first = false;
      await route.fetch();
      return route.abort('connectionreset');
    });
  };
  await loses('tokens');
  await ada.go('people');
  await page.getByRole('button', { name: 'Make a token' }).click();
  await page.getByLabel('What it is for').fill('ci');
  const make = page.getByRole('button', { name: 'Make a token' });
  await make.click();
  await page.getByRole('alert').first().waitFor();
  same('it was made all the same', stage.json('people', 'token', 'list').length, 1);
  // It was shown to nobody, and is to nobody again: which it is is said, so that it is ended, and another made.
  await make.click();
  const [{ id }] = stage.json('people', 'token', 'list');
  await page.getByRole('alert').filter({ hasText: `the token ${id} was made with this key, and is shown once` }).waitFor();
  same('and once', stage.json('people', 'token', 'list').length, 1);
  same('by one key', [keys.length, new Set(keys).size, keys[0] !== null], [2, 1, true]);
  await page.getByRole('button', { name: 'End the token ci' }).click();
  await page.getByText('You have no token.').waitFor();
  await make.click();
  await page.getByText('It is shown this once.').first().waitFor();
  same('another', [stage.json('people', 'token', 'list').length, stage.json('people', 'token', 'list')[0].id === id], [1, false]);
  same('by another key', [keys.length, new Set(keys).size], [3, 2]);

  keys.length = 0;
  await loses('agents/echo/messages');
  await ada.ask('echo', 'Say hello');
  await page.getByText('Your message may have arrived').waitFor();
  await page.getByLabel('Message to echo').press('Enter');
  await page.locator('.reply').waitFor();
  const messages = () => stage.run('audit', 'query', '--event', 'message.received', '--json').trim().split('\n').length;
  same('it was said once', messages(), 1);
  same('by one key, too', [keys.length, new Set(keys).size, keys[0] !== null], [2, 1, true]);
  // The same once more is another message.
  await page.getByLabel('Message to echo').fill('Say hello');
  await page.getByLabel('Message to echo').press('Enter');
  await page.locator('.reply').nth(1).waitFor();
  same('and then twice', messages(), 2);
}

/** Whom the directory names is seen by administrators; who is taken out of it in two steps has nothing here any more. */
export async function accountsAreSeenAndTakenOut(stage) {
  const ada = await stage.signedIn('ada');
  const { page } = ada;
  const cid = await stage.signedIn('cid');
  await cid.ask('echo', 'Announce it');
  await cid.page.locator('details.act.held').waitFor();
  await ada.go('people');
  const accounts = page.getByRole('group', { name: 'Accounts of the directory' });
  await accounts.getByRole('row', { name: /^cid cid of the platform team .*platform-team .*the directory .*yes/ }).waitFor();
  await accounts.getByRole('row', { name: /^dee / }).waitFor();
  await accounts.scrollIntoViewIfNeeded();
  await ada.shot('accounts');
  await page.emulateMedia({ colorScheme: 'dark' });
  await ada.shot('accounts-night');
  await page.emulateMedia({ colorScheme: 'light' });
  await ada.accessible('the accounts of the directory');
  await page.setViewportSize(PHONE);
  await accounts.getByRole('row', { name: /^cid / }).getByText('platform-team').filter({ visible: true }).waitFor();
  await accounts.scrollIntoViewIfNeeded();
  await ada.shot('accounts-phone');
  await page.setViewportSize({ width: 1280, height: 800 });

  // One step takes nobody out.
  await accounts.getByRole('button', { name: 'Remove the account of cid' }).click();
  same('both are there', stage.json('people', 'account', 'list').map(({ person }) => person).toSorted(), ['cid', 'dee']);
  await accounts.getByRole('button', { name: 'Remove the account of cid now' }).click();
  await page.getByText('The account of cid is removed, and cid is out. One turn was ended.').waitFor();
  // What is left is asked for after that has been said.
  await accounts.getByRole('row', { name: /^cid / }).waitFor({ state: 'detached' });
  same('one is left', stage.json('people', 'account', 'list').map(({ person }) => person), ['dee']);
  same('and has a row', await accounts.getByRole('row').count(), 2);
  await page.getByRole('group', { name: 'Everybody' }).getByRole('row', { name: /^cid / }).waitFor({ state: 'detached' });
  await ada.accessible('an account that is removed');
  await cid.page.getByText('Your sign-in is over').waitFor();
  same('what waited is over', stage.json('approvals', 'list'), []);
  await accounts.getByRole('button', { name: 'Remove the account of dee' }).click();
  await accounts.getByRole('button', { name: 'Remove the account of dee now' }).click();
  await page.getByText('The directory names nobody here.').waitFor();

  // Whoever is no administrator sees none of it.
  const bob = await stage.signedIn('bob');
  await bob.go('people');
  await bob.page.getByText('this browser').waitFor();
  await bob.page.waitForFunction(() => document.querySelector('[aria-busy=true]') === null);
  same('no such list', await bob.page.getByRole('heading', { name: 'Accounts of the directory' }).count(), 0);
}
