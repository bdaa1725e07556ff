// Speaks with passkeys: the gateway's challenges as the browser wants them, and its answers as the gateway does.
// Binary is base64url without padding, as in WebAuthn's own JSON.

/** The person, or the browser, said no; or there was no passkey. */
export class NoPasskey extends Error {}

interface Descriptor {
  id: string;
  type: 'public-key';
  transports?: AuthenticatorTransport[];
}

export interface Challenge {
  ticket: string;
  options: Record<string, unknown>;
}

export function bytes(text: string): Uint8Array<ArrayBuffer> {
  const plain = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}

export function text(buffer: ArrayBuffer): string {
  let plain = '';
  for (const byte of new Uint8Array(buffer)) plain += String.fromCharCode(byte);
  return btoa(plain).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

const those = (list: unknown) => ((list ?? []) as Descriptor[]).map((one) => ({ ...one, id: bytes(one.id) }));

/** Whether this browser has passkeys at all, and where this page is. */
export const able = () => 'PublicKeyCredential' in globalThis && isSecureContext;

/** The browser's own words name nothing that helps, so a refusal has a sentence of ours. */
async function ask(what: () => Promise<Credential | null>, refused: string): Promise<PublicKeyCredential> {
  const given = await what().catch(() => null);
  if (!(given instanceof PublicKeyCredential)) throw new NoPasskey(refused);
  return given;
}

/** What the gateway is sent of what the browser gave. */
const sent = (given: PublicKeyCredential, response: object) => ({
  id: given.id,
  rawId: text(given.rawId),
  type: given.type,
  extensions: {},
  response,
});

/** Has the browser make a passkey. */
export async function make({ options }: Challenge, refused: string): Promise<unknown> {
  const user = options['user'] as { id: string; name: string; displayName: string };
  const publicKey = {
    ...options,
    challenge: bytes(options['challenge'] as string),
    user: { ...user, id: bytes(user.id) },
    excludeCredentials: those(options['excludeCredentials']),
  } as unknown as PublicKeyCredentialCreationOptions;
  const made = await ask(() => navigator.credentials.create({ publicKey }), refused);
  const response = made.response as AuthenticatorAttestationResponse;
  return sent(made, { attestationObject: text(response.attestationObject), clientDataJSON: text(response.clientDataJSON) });
}

/** Has a passkey answer. */
export async function answer({ options }: Challenge, refused: string): Promise<unknown> {
  const publicKey = {
    ...options,
    challenge: bytes(options['challenge'] as string),
    allowCredentials: those(options['allowCredentials']),
  } as unknown as PublicKeyCredentialRequestOptions;
  const given = await ask(() => navigator.credentials.get({ publicKey }), refused);
  const response = given.response as AuthenticatorAssertionResponse;
  return sent(given, {
    authenticatorData: text(response.authenticatorData),
    clientDataJSON: text(response.clientDataJSON),
    signature: text(response.signature),
    userHandle: response.userHandle === null ? null : text(response.userHandle),
  });
}
