// What waits, what happens again without a look, and how people decide.
import { same } from './stage.mjs';

const POSTED = 'That is what became of it.';

/** Asks in a conversation of its own. */
async function asksAnew(seat) {
  await seat.go('agents');
  await seat.ask('echo', 'Announce it');
}

/** Somebody says yes to exactly the same for an hour, sees it used, and takes it back. */
export async function sameAgainForAnHour(stage) {
  const ada = await stage.signedIn('ada');
  const bob = await stage.signedIn('bob');
  await ada.ask('echo', 'Announce it');
  await ada.page.locator('details.act.held').waitFor();
  const again = bob.page.getByRole('region', { name: 'Happens again without a look' });
  await bob.go('approvals');
  await bob.page.locator('.queue li a', { hasText: 'Silence is a no' }).first().click();
  const sheet = bob.page.locator('.sheet article');
  await sheet.getByText('Anything else waits as before').waitFor();
  same('nothing happens again yet', await again.count(), 0);
  await bob.accessible('the approval with its pattern');
  await sheet.getByRole('button', { name: 'And the same again for an hour' }).click();
  await again.getByText('bob said yes, for ada').waitFor();
  same('a decided one has no buttons', await sheet.getByRole('button').count(), 0);
  await ada.page.locator('.reply', { hasText: POSTED }).waitFor();

  // In another conversation the same is posted without anybody.
  await asksAnew(ada);
  await ada.page.locator('.reply', { hasText: POSTED }).waitFor();
  same('nobody was asked', await ada.page.locator('details.act.held').count(), 0);
  await bob.page.reload();
  await again.getByText('used once').waitFor();
  await bob.accessible('the patterns');
  await bob.shot('patterns');

  // The asker sees it, too, and may take it back.
  await ada.go('approvals');
  const hers = ada.page.getByRole('region', { name: 'Happens again without a look' });
  await hers.getByRole('button', { name: 'Revoke: echo, message.post board:content-team' }).click();
  await hers.waitFor({ state: 'detached' });
  same('there is none', stage.json('approvals', 'patterns'), []);

  // On a page that is still open it is gone already, and it says so.
  await again.getByRole('button', { name: 'Revoke' }).click();
  await again.getByText('there is no pattern').waitFor();
  same('nothing is left to revoke', await again.getByRole('button').count(), 0);
  await asksAnew(ada);
  await ada.page.locator('details.act.held').waitFor();

  // Whoever asked has no such button.
  await ada.page.getByRole('link', { name: 'Look and decide' }).first().click();
  await ada.page.locator('.sheet article').getByText('You asked for this yourself').waitFor();
  same('none for the asker', await ada.page.getByRole('button', { name: 'And the same again' }).count(), 0);
}

/** Two decisions in no time are a risk by the settings of this home; administrators see it of everybody, others of themselves. */
export async function howPeopleDecide(stage) {
  const ada = await stage.signedIn('ada');
  const bob = await stage.signedIn('bob');
  const budget = (seat) => seat.page.getByRole('region', { name: 'How people decide' });
  await ada.go('people');
  await budget(ada).getByText('Nobody has decided anything in thirty days.').waitFor();
  for (const words of ['Approve exactly this', 'Deny']) {
    await asksAnew(ada);
    await ada.page.locator('details.act.held').waitFor();
    await bob.go('people');
    await bob.go('approvals');
    await bob.page.locator('.queue li a', { hasText: 'Silence is a no' }).first().click();
    const sheet = bob.page.locator('.sheet article');
    await sheet.getByRole('button', { name: words }).click();
    if (words === 'Deny') await sheet.getByRole('button', { name: words }).click();
    await ada.page.locator('.reply', { hasText: POSTED }).waitFor();
  }
  await ada.go('chat/echo');
  await ada.go('people');
  await budget(ada).getByText('2 decisions within an hour, more than 1.').waitFor();
  await budget(ada).getByRole('cell', { name: '1 yes, 1 no' }).waitFor();
  same('of bob', await budget(ada).locator('tbody tr').count(), 1);
  await ada.accessible('how people decide');
  await budget(ada).scrollIntoViewIfNeeded();
  await ada.shot('budget');
  await bob.go('people');
  await budget(bob).getByText('bob', { exact: true }).first().waitFor();
}
