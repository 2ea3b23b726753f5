/**
 * Becomes a program that inherits descriptors of the daemon. systemd starts programs and can give them none, so this is
 * started first: it takes them over a socket, puts them where the program expects them, and execs it. Arguments: the
 * socket, how many, the program, and its own arguments.
 */
import * as native from '../../native/index.js';
import { messageOf } from '../errors.js';
import { FIRST_INHERITED_FD } from '../instance/driver.js';

const DEADLINE_MS = 5_000;

const [socket = '', count = '', file = '', ...args] = process.argv.slice(2);
try {
  const wanted = Number(count);
  const connection = native.connectUnix(socket);
  await native.pollFd(connection, native.POLLIN, DEADLINE_MS);
  const fds = native.receiveMessage(connection, 1, wanted)?.fds ?? [];
  if (fds.length !== wanted) throw new Error(`expected ${wanted} descriptors, got ${fds.length}`);
  const places = fds.map((_, index) => FIRST_INHERITED_FD + index);
  /* None is overwritten before it was moved. */
  const sources = fds.map((fd) => {
    let source = fd;
    while (source < FIRST_INHERITED_FD + wanted) source = native.duplicateFd(source);
    return source;
  });
  const environment = Object.entries(process.env).map(([name, value]) => `${name}=${value}`);
  /* From here on nothing of this program may run: the places were its own. */
  sources.forEach((source, index) => {
    native.replaceInheritableFd(source, places[index] as number);
  });
  native.execve(file, [file, ...args], environment, places);
} catch (error) {
  process.stderr.write(`${file} could not be given its descriptors: ${messageOf(error)}\n`);
  process.exit(1);
}
