/**
 * From the head of a request to who asks. What was said wins over what is known anyway: a token, also over the unix
 * socket; then the certificate; then the kernel's word. A token that is wrong is an error, never somebody else.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { BatonError } from '../errors.js';
import { type CertificateRule, certificateCaller } from './certificates.js';
import { type Caller, IN_PROCESS } from './principal.js';
import type { Tokens } from './tokens.js';
import { peerUid, type UnixPeerOptions, unixPeer } from './unix-peer.js';

export interface AuthenticatorOptions {
  readonly unix: UnixPeerOptions;
  readonly certificates: readonly CertificateRule[];
  readonly tokens: Pick<Tokens, 'verify'>;
}

export interface RequestHead {
  /** Anything but a socket of Node's: the request was made in this process. */
  readonly socket: unknown;
  readonly headers: IncomingHttpHeaders;
}

const BEARER = /^Bearer +([^ ]+) *$/i;

export class Authenticator {
  readonly #options: AuthenticatorOptions;

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
  }

  identify({ socket, headers: { authorization } }: RequestHead): Caller {
    const { unix, certificates } = this.#options;
    const peer = socket instanceof Socket ? socket : null;
    if (authorization !== undefined) return this.#bearer(authorization, peer?.remoteAddress ?? null);
    if (peer === null) return IN_PROCESS;
    const caller =
      peer instanceof TLSSocket ? certificateCaller(peer, certificates, Date.now()) : unixPeer(peer, unix);
    if (caller === null) throw nobody(peer);
    return caller;
  }

  #bearer(authorization: string, address: string | null): Caller {
    const [, text] = BEARER.exec(authorization) ?? [];
    if (text === undefined) {
      throw new BatonError(
        'unauthenticated',
        'expected Authorization: Bearer and a token, got something else',
      );
    }
    const caller = this.#options.tokens.verify(text, address);
    if (caller !== null) return caller;
    throw new BatonError('unauthenticated', 'the token is not known here: it is wrong, revoked or expired');
  }
}

/** Where it comes from, for those who are not known otherwise. */
export function origin(socket: unknown): string {
  if (!(socket instanceof Socket)) return 'process';
  return socket.remoteAddress ?? `uid ${peerUid(socket) ?? 'unknown'}`;
}

function nobody(peer: Socket): BatonError {
  if (!(peer instanceof TLSSocket)) {
    const message = `expected root, the daemon's user, a member of the socket's group or a token, got ${origin(peer)}`;
    return new BatonError('unauthenticated', message);
  }
  const message =
    peer.authorized === true
      ? 'the certificate is good, but no rule of the configuration says whose it is, or it has expired'
      : 'expected a token, or a client certificate of an authority of this daemon';
  return new BatonError('unauthenticated', message);
}
