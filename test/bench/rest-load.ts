/**
 * Requests as many clients make them, from a process of its own: at a fixed rate, whatever the answers take, so that a
 * stall is paid for by all that come meanwhile. Prints the latencies in milliseconds, as JSON. Arguments: socket, requests
 * per second, seconds, an operation. Rate 0: one after another on four connections, as fast as they are answered.
 */
import { Agent, request } from 'node:http';

const [socketPath = '', rateText = '', secondsText = '', operation = ''] = process.argv.slice(2);
const rate = Number(rateText);
const count = rate * Number(secondsText);
const CONNECTIONS = 64;
const AT_A_TIME = 4;
const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
const latencies: number[] = [];

/** In turns: half of it looks at one machine. */
function ask(index: number): Promise<void> {
  const machine = `/v1/machines/m-${(index * 7) % 900}`;
  switch (index % 8) {
    case 0:
      return send('GET', '/v1/machines?limit=100');
    case 1:
      return send('GET', `/v1/operations/${operation}`);
    case 2:
      return send('GET', '/v1/machines?limit=50&state=running');
    case 3:
      return send('PATCH', machine, { labels: { turn: String(index) } });
    default:
      return send('GET', machine);
  }
}

function send(method: string, path: string, body?: object): Promise<void> {
  const dueAt = performance.now();
  return new Promise((resolve, reject) => {
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const headers =
      payload === undefined
        ? {}
        : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) };
    const outgoing = request({ socketPath, method, path, agent, headers }, (response) => {
      response.resume();
      response.on('end', () => {
        latencies.push(performance.now() - dueAt);
        if ((response.statusCode ?? 500) < 400) resolve();
        else reject(new Error(`${method} ${path}: ${response.statusCode}`));
      });
    });
    outgoing.on('error', reject);
    outgoing.end(payload);
  });
}

/** Requests that are due by now are sent now, so that a late timer makes none of them late for the daemon. */
async function openLoop(): Promise<void> {
  const asked: Promise<void>[] = [];
  const beganAt = performance.now();
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      const due = Math.min(count, Math.floor(((performance.now() - beganAt) * rate) / 1_000));
      while (asked.length < due) asked.push(ask(asked.length));
      if (asked.length < count) return;
      clearInterval(timer);
      resolve();
    }, 1);
  });
  await Promise.all(asked);
}

async function closedLoop(): Promise<void> {
  const endAt = performance.now() + Number(secondsText) * 1_000;
  let index = 0;
  const work = async () => {
    while (performance.now() < endAt) await ask(index++);
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, work));
}

await (rate === 0 ? closedLoop() : openLoop());
agent.destroy();
process.stdout.write(JSON.stringify(latencies));
