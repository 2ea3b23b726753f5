/** Whose a certificate is, once TLS has let it in: TLS looks at its dates only when the connection begins. */
import type { TLSSocket } from 'node:tls';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type CertificateRule, certificateCaller } from '../../../daemon/access/certificates.js';

const FROM_MS = Date.parse('2026-01-01T00:00:00Z');
const TO_MS = Date.parse('2027-01-01T00:00:00Z');
const FINGERPRINT = 'AA:BB:CC';
const BY_NAME: CertificateRule = { name: 'ops', role: 'operator', commonName: 'ops', fingerprint256: null };
const BY_FINGERPRINT: CertificateRule = {
  name: 'root',
  role: 'admin',
  commonName: null,
  fingerprint256: 'aa:bb:cc',
};

const test = suite('certificates');

function presented(change: { authorized?: boolean; commonName?: string } = {}): TLSSocket {
  const { authorized = true, commonName = 'ops' } = change;
  const certificate = {
    subject: { CN: commonName },
    fingerprint256: FINGERPRINT,
    valid_from: 'Jan  1 00:00:00 2026 GMT',
    valid_to: 'Jan  1 00:00:00 2027 GMT',
  };
  const socket = { authorized, remoteAddress: '127.0.0.1', getPeerCertificate: () => certificate };
  return socket as unknown as TLSSocket;
}

test('one that a rule names is its owner, until it expires', () => {
  const caller = certificateCaller(presented(), [BY_NAME], FROM_MS);
  assert.equal([caller?.name, caller?.role, caller?.credential], ['ops', 'operator', FINGERPRINT]);
  assert.is(caller?.expiresAtMs, TO_MS);
  assert.is(certificateCaller(presented(), [BY_NAME], TO_MS - 1)?.name, 'ops');
});

test('one is nobody before its time and from its end on, also on a connection that was let in', () => {
  assert.is(certificateCaller(presented(), [BY_NAME], FROM_MS - 1), null);
  assert.is(certificateCaller(presented(), [BY_NAME], TO_MS), null);
});

test('one that no authority of ours signed is nobody, whatever it says', () => {
  assert.is(certificateCaller(presented({ authorized: false }), [BY_NAME, BY_FINGERPRINT], FROM_MS), null);
});

test('one that no rule names is nobody; a fingerprint says more than a name', () => {
  assert.is(certificateCaller(presented({ commonName: 'eve' }), [BY_NAME], FROM_MS), null);
  assert.is(certificateCaller(presented(), [BY_NAME, BY_FINGERPRINT], FROM_MS)?.name, 'root');
});

test.run();
