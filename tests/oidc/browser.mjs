// A browser at the identity provider: `node browser.mjs URL WHO` goes where it is sent, keeps cookies, and prints where it is sent
// in the end, away from the provider.
const [begin, who] = process.argv.slice(2);
const cookies = new Map();
let url = new URL(begin);
const home = url.origin;
url.searchParams.set('login_hint', who);
for (let step = 0; step < 20; step += 1) {
  const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  const answer = await fetch(url, { redirect: 'manual', headers: { cookie } });
  for (const set of answer.headers.getSetCookie()) {
    const [name, value] = set.split(';')[0].split('=');
    cookies.set(name, value);
  }
  const to = answer.headers.get('location');
  if (to === null) {
    console.error(answer.status, await answer.text());
    process.exit(1);
  }
  url = new URL(to, url);
  if (url.origin !== home) {
    console.log(url.href);
    process.exit(0);
  }
}
process.exit(1);
