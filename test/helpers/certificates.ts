/**
 * An authority of the test's own, and what it signed: made by openssl when asked for, valid for a day. `expired` is by
 * it too, and `foreign` says the same as `alice` but is by somebody else.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

const CURVE = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

export interface KeyPair {
  readonly certFile: string;
  readonly keyFile: string;
  readonly cert: string;
  readonly key: string;
}

export interface Certificates {
  readonly ca: KeyPair;
  readonly server: KeyPair;
  readonly alice: KeyPair;
  readonly bob: KeyPair;
  readonly expired: KeyPair;
  readonly foreign: KeyPair;
}

export function hasOpenssl(): boolean {
  try {
    openssl(['version']);
    return true;
  } catch {
    return false;
  }
}

export function makeCertificates(folder: string): Certificates {
  const ca = authority(folder, 'ca');
  const other = authority(folder, 'other');
  return {
    ca,
    server: signed(folder, ca, { file: 'server', name: 'localhost' }),
    alice: signed(folder, ca, { file: 'alice', name: 'alice' }),
    bob: signed(folder, ca, { file: 'bob', name: 'bob' }),
    expired: signed(folder, ca, { file: 'expired', name: 'alice', days: -1 }),
    foreign: signed(folder, other, { file: 'foreign', name: 'alice' }),
  };
}

/** The server's pair again, with another serial number. */
export function renewServer(folder: string, { ca }: Certificates): KeyPair {
  return signed(folder, ca, { file: 'server', name: 'localhost' });
}

function openssl(args: readonly string[]): string {
  return execFileSync('openssl', args, { stdio: 'pipe', encoding: 'utf8' });
}

function pair(folder: string, file: string): KeyPair {
  const certFile = `${folder}/${file}.pem`;
  const keyFile = `${folder}/${file}.key`;
  return { certFile, keyFile, cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
}

function authority(folder: string, file: string): KeyPair {
  const out = ['-keyout', `${folder}/${file}.key`, '-out', `${folder}/${file}.pem`];
  openssl(['req', '-x509', ...CURVE, ...out, '-days', '1', '-subj', `/CN=${file}`]);
  return pair(folder, file);
}

function signed(
  folder: string,
  by: KeyPair,
  { file, name, days = 1 }: { file: string; name: string; days?: number },
): KeyPair {
  const path = `${folder}/${file}`;
  openssl(['req', ...CURVE, '-keyout', `${path}.key`, '-out', `${path}.csr`, '-subj', `/CN=${name}`]);
  writeFileSync(`${path}.ext`, 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
  const authority = ['-CA', by.certFile, '-CAkey', by.keyFile, '-extfile', `${path}.ext`];
  openssl(['x509', '-req', '-in', `${path}.csr`, ...authority, '-days', String(days), '-out', `${path}.pem`]);
  return pair(folder, file);
}
