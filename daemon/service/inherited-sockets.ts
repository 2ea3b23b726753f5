/**
 * Sockets that a supervisor listens on for us, so that nobody is refused while the daemon is not there: systemd's
 * socket activation. The first is descriptor 3; each has the name of its unit, or what FileDescriptorName= says.
 */
import { setCloseOnExec } from '../../native/index.js';

/** As the socket units of config/ are called. */
export const UNIX_SOCKET = 'batond.socket';
export const TLS_SOCKET = 'batond-tls.socket';

export interface InheritedSocket {
  readonly name: typeof UNIX_SOCKET | typeof TLS_SOCKET;
  readonly fd: number;
}

const FIRST_FD = 3;
const MAX_SOCKETS = 16;
const VARIABLES = ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES', 'LISTEN_PIDFDID'] as const;

/** Takes them out of the environment, and keeps them from the programs that are started here. */
export function takeInheritedSockets(environment: NodeJS.ProcessEnv, pid: number): InheritedSocket[] {
  const [forPid, count, names = ''] = VARIABLES.map((name) => environment[name]);
  for (const name of VARIABLES) delete environment[name];
  if (forPid === undefined || Number(forPid) !== pid) return [];
  if (!/^[0-9]{1,4}$/.test(count ?? '') || Number(count) > MAX_SOCKETS) {
    throw new Error(`expected LISTEN_FDS to be at most ${MAX_SOCKETS}, got ${count}`);
  }
  return Array.from({ length: Number(count) }, (_, index) => {
    const fd = FIRST_FD + index;
    const name = names.split(':')[index];
    setCloseOnExec(fd, true);
    if (name === UNIX_SOCKET || name === TLS_SOCKET) return { name, fd };
    throw new Error(
      `expected inherited sockets named ${UNIX_SOCKET} or ${TLS_SOCKET}, got ${name ?? 'none'}: set FileDescriptorName=`,
    );
  });
}
