/**
 * Makes Ed25519 keys in OpenSSH's own file formats, so that no ssh-keygen is needed where an image is built. The
 * private key has no passphrase: whoever may read the file may log in.
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto';

const TYPE = 'ssh-ed25519';
const LINE_CHARACTERS = 70;
const BLOCK_BYTES = 8;

export interface KeyPair {
  /** A file for `ssh -i` or `HostKey`; it must be readable by its owner alone. */
  readonly privateKey: string;
  /** Type and key, as a line of authorized_keys or known_hosts has them; without a comment. */
  readonly publicKey: string;
}

export function makeKeyPair(comment: string): KeyPair {
  const jwk = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  const publicBytes = Buffer.from(jwk.x ?? '', 'base64url');
  const seed = Buffer.from(jwk.d ?? '', 'base64url');
  const publicBlob = Buffer.concat([field(TYPE), field(publicBytes)]);
  const check = randomBytes(4);
  const secret = Buffer.concat([
    ...[check, check, publicBlob, field(Buffer.concat([seed, publicBytes])), field(comment)],
  ]);
  const padding = Buffer.from(
    Array.from({ length: (BLOCK_BYTES - (secret.length % BLOCK_BYTES)) % BLOCK_BYTES }, (_, at) => at + 1),
  );
  const whole = Buffer.concat([
    ...[Buffer.from('openssh-key-v1\0'), field('none'), field('none'), field(''), number(1)],
    ...[field(publicBlob), field(Buffer.concat([secret, padding]))],
  ]);
  return { privateKey: armour(whole), publicKey: `${TYPE} ${publicBlob.toString('base64')}` };
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function field(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([number(bytes.length), bytes]);
}

function armour(bytes: Buffer): string {
  const text = bytes.toString('base64');
  const lines = text.match(new RegExp(`.{1,${LINE_CHARACTERS}}`, 'g')) ?? [];
  return ['-----BEGIN OPENSSH PRIVATE KEY-----', ...lines, '-----END OPENSSH PRIVATE KEY-----', ''].join(
    '\n',
  );
}
