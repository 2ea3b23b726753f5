/** A client of its own process, which a test can stop: follows events by WebSocket. Arguments: socket, how many. */
import { WebSocketReader } from './event-readers.js';

const [socketPath = '', count = '1'] = process.argv.slice(2);
const readers = await Promise.all(
  Array.from({ length: Number(count) }, () => WebSocketReader.open(socketPath, '')),
);
process.stdout.write('listening\n');
await Promise.all(readers.map(({ closed }) => closed));
