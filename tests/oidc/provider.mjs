// A real identity provider on a free port of this machine: `node provider.mjs DIR`. Prints its address, reads a line with the one
// place that it sends browsers back to, and serves from then on until its standard input ends. Whoever is named as `login_hint` is
// let in at once; else a page asks who is there.
import { createRequire } from 'node:module';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const [dir] = process.argv.slice(2);
const { default: Provider } = await import(pathToFileURL(createRequire(`${dir}/`).resolve('oidc-provider')));
const GROUPS = { ada: ['staff'], eve: ['chess'], root: ['staff'] };

// Whoever comes before it serves waits.
let ready;
const serving = new Promise((done) => (ready = done));
const server = createServer((request, response) => void serving.then((serve) => serve(request, response)));
await new Promise((done) => server.listen(0, '127.0.0.1', done));
const issuer = `http://127.0.0.1:${server.address().port}`;
console.log(issuer);
const lines = createInterface({ input: process.stdin });
lines.on('close', () => process.exit(0));
const redirect = await new Promise((told) => lines.once('line', told));
const provider = new Provider(issuer, {
  clients: [{ client_id: 'bulkhead', client_secret: 'a-secret-of-the-client', redirect_uris: [redirect] }],
  claims: { openid: ['sub'], profile: ['preferred_username', 'name', 'groups'] },
  // Claims in the ID token itself, as organisations' providers are set up.
  conformIdTokenClaims: false,
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_, { uid }) => `/let-in/${uid}` },
  findAccount: (_, sub) => ({
    accountId: sub,
    claims: () => ({ sub: `account-of-${sub}`, preferred_username: sub, name: sub.toUpperCase(), groups: GROUPS[sub] ?? [] }),
  }),
});

const PAGE = `<!doctype html><html lang="en"><title>The provider</title>
<form><label>Who <input name="who" required></label><button>Let me in</button></form>
<form><button name="who" value="">Not now</button></form>`;

async function letIn(request, response) {
  const { prompt, params, session } = await provider.interactionDetails(request, response);
  if (prompt.name === 'login') {
    const who = params.login_hint ?? new URL(request.url, issuer).searchParams.get('who');
    if (who === null) return response.writeHead(200, { 'content-type': 'text/html' }).end(PAGE);
    const result = who === '' ? { error: 'access_denied' } : { login: { accountId: who } };
    return provider.interactionFinished(request, response, result);
  }
  const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  const result = { consent: { grantId: await grant.save() } };
  return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true });
}

const serve = provider.callback();
ready((request, response) => {
  // Who is in which groups from now on: `/groups?ada=staff&ada=chess`.
  if (request.url.startsWith('/groups?')) {
    const { searchParams } = new URL(request.url, issuer);
    for (const who of searchParams.keys()) GROUPS[who] = searchParams.getAll(who).filter((group) => group !== '');
    return response.end('{}');
  }
  if (!request.url.startsWith('/let-in/')) return serve(request, response);
  letIn(request, response).catch((error) => response.writeHead(500).end(String(error)));
});
// Nobody listens from here on.
for (const name of ['log', 'info', 'warn', 'error']) console[name] = () => undefined;
process.stdout.on('error', () => undefined);
