/**
 * Who may use the daemon, and from where: the command line's options for it, and what they and the configuration file
 * come to. The command line wins.
 */
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import type { CertificateRule } from './access/certificates.js';
import { type AccessLimits, DEFAULT_LIMITS } from './access/limits.js';
import { ROLES, type Role } from './access/principal.js';
import { DEFAULT_MAX_STREAMS } from './access/sessions.js';
import { ConfigError } from './config-file.js';
import type { ConfigFile } from './config-schema.js';
import type { ListenAddress, TlsFiles } from './tls-listener.js';

export interface AccessConfig {
  /** What members of the socket's group may. */
  readonly groupRole: Role;
  readonly listen: readonly ListenAddress[];
  /** Not null where `listen` is not empty. */
  readonly tls: TlsFiles | null;
  readonly certificates: readonly CertificateRule[];
  readonly limits: Pick<AccessLimits, 'requestsPerSecond' | 'changesPerSecond'>;
  /** Streams that one caller may have open. */
  readonly maxStreams: number;
}

const DEFAULT_ADDRESS = '::';

/** For `parseArgs`. */
export const ACCESS_OPTIONS = {
  'socket-group': { type: 'string' },
  'group-role': { type: 'string' },
  listen: { type: 'string', multiple: true },
  'tls-cert': { type: 'string' },
  'tls-key': { type: 'string' },
  'tls-client-ca': { type: 'string' },
} as const;

export const ACCESS_HELP = `\
  --socket-group GROUP the group of the socket file
  --group-role ROLE    what members of that group may: ${ROLES.join(', ')} (default: operator)
  --listen ADDRESS:PORT
                       serve it there too, with TLS; can be given several times; IPv6 in brackets
  --tls-cert FILE, --tls-key FILE
                       certificate with its chain, and private key, PEM; read again on SIGHUP
  --tls-client-ca FILE who may sign client certificates, PEM
`;

export type AccessValues = {
  readonly [Name in keyof typeof ACCESS_OPTIONS]?: (Name extends 'listen' ? string[] : string) | undefined;
};

export function accessConfig(
  values: AccessValues,
  file: Pick<ConfigFile, 'listen' | 'tls' | 'access' | 'limits'>,
): AccessConfig {
  const tcp = (file.listen?.tcp ?? []).map(({ address = DEFAULT_ADDRESS, port }) => ({ address, port }));
  const listen = values.listen?.map(listenAddress) ?? tcp;
  const tls = tlsFiles(values, file.tls);
  if (listen.length > 0 && tls === null) {
    const wanted = values.listen
      ? '--tls-cert and --tls-key with --listen'
      : 'tls.cert and tls.key with listen.tcp';
    throw new ConfigError(`expected ${wanted}: TCP is served with TLS only`);
  }
  const certificates = (file.access?.certificates ?? []).map((rule) => ({
    name: rule.name,
    role: rule.role,
    commonName: rule.commonName ?? null,
    fingerprint256: rule.fingerprint256 ?? null,
  }));
  const groupRole = roleNamed(values['group-role'] ?? file.access?.groupRole ?? 'operator');
  const {
    requestsPerSecond = DEFAULT_LIMITS.requestsPerSecond,
    changesPerSecond = DEFAULT_LIMITS.changesPerSecond,
    streams: maxStreams = DEFAULT_MAX_STREAMS,
  } = file.limits ?? {};
  return {
    groupRole,
    listen,
    tls,
    certificates,
    limits: { requestsPerSecond, changesPerSecond },
    maxStreams,
  };
}

function roleNamed(value: string): Role {
  const role = ROLES.find((each) => each === value);
  if (role === undefined) throw new ConfigError(`expected --group-role ${ROLES.join(', ')}, got ${value}`);
  return role;
}

function listenAddress(value: string): ListenAddress {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:[\]]+)):([0-9]{1,5})$/.exec(value) ?? [];
  const address = bracketed ?? plain ?? '';
  const port = Number(digits ?? 0);
  if (isIP(address) === 0 || port < 1 || port > 65_535) {
    throw new ConfigError(`expected --listen ADDRESS:PORT, as 0.0.0.0:8443 or [::]:8443, got ${value}`);
  }
  return { address, port };
}

function tlsFiles(values: AccessValues, file: ConfigFile['tls']): TlsFiles | null {
  const cert = values['tls-cert'] ?? file?.cert;
  const key = values['tls-key'] ?? file?.key;
  const clientCa = values['tls-client-ca'] ?? file?.clientCa;
  if (cert === undefined && key === undefined && clientCa === undefined) return null;
  if (cert === undefined || key === undefined) {
    throw new ConfigError('expected --tls-cert and --tls-key together');
  }
  return {
    cert: resolve(cert),
    key: resolve(key),
    clientCa: clientCa === undefined ? null : resolve(clientCa),
  };
}
