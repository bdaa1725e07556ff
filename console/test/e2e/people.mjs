// Signing in, and what is one's own.
import { PASSWORD, holds, same } from './stage.mjs';

export async function firstSignIn(stage) {
  const seat = await stage.seat();
  const { page } = seat;
  await page.goto(stage.base);
  const byCode = page.getByRole('button', { name: 'With a one-time code' });
  await byCode.waitFor();
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
  const other = await stage.seat();
  await other.page.goto(stage.base);
  await other.page.getByLabel('Person').fill('ada');
  await other.page.locator('#password').fill(PASSWORD);
  await other.page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await other.page.getByRole('navigation').waitFor();
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
}
