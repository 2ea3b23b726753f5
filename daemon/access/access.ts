/** What decides who may use the daemon, put together. */
import type { Logger } from 'pino';
import type { Store } from '../store/store.js';
import { AuditLog } from './audit-log.js';
import { Authenticator } from './authenticator.js';
import type { CertificateRule } from './certificates.js';
import type { AccessLimits } from './limits.js';
import type { Role } from './principal.js';
import { Sessions } from './sessions.js';
import { Tokens } from './tokens.js';

export interface AccessOptions {
  /** Number of the group of the unix socket; default: the daemon's. */
  readonly groupId?: number;
  /** What its members may. */
  readonly groupRole?: Role;
  readonly certificates?: readonly CertificateRule[];
  /** Streams that one principal may have open. */
  readonly maxStreams?: number;
  readonly limits?: Partial<AccessLimits>;
}

export interface Access {
  readonly authenticator: Authenticator;
  readonly tokens: Tokens;
  readonly sessions: Sessions;
  readonly audit: AuditLog;
  readonly limits: Partial<AccessLimits>;
}

export function createAccess(store: Store, log: Logger, options: AccessOptions = {}): Access {
  const {
    groupId = process.getgid?.() ?? 0,
    groupRole = 'operator',
    certificates = [],
    maxStreams,
  } = options;
  const ownLog = log.child({ component: 'access' });
  const tokens = new Tokens(store, ownLog);
  const authenticator = new Authenticator({ unix: { groupId, groupRole }, certificates, tokens });
  const sessions = new Sessions(maxStreams);
  return {
    authenticator,
    tokens,
    sessions,
    audit: new AuditLog(store, ownLog),
    limits: options.limits ?? {},
  };
}
