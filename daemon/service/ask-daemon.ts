/**
 * Asks the daemon of this host, by its socket. A daemon that is being restarted, by its supervisor or a newer package, is not
 * there for a while: whoever has the patience asks again until it is.
 */
import { request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

const ANSWER_DEADLINE_MS = 60_000;
const POLL_MS = 250;
/** As long as a daemon may take to start. One that is away for longer does not come: what waits for us is to go on. */
const LONGEST_ABSENCE_MS = 5 * 60_000;
/** Nobody listens, whoever did went away before it had answered, or it says that it is stopping (503). */
const ABSENT = new Set(['ECONNREFUSED', 'ENOENT', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', '503']);

export interface Question {
  readonly socketPath: string;
  readonly method: 'GET' | 'POST';
  readonly path: string;
}

function failure(message: string, code: string): Error {
  return Object.assign(new Error(message), { code });
}

export function askDaemon<T>({ socketPath, method, path }: Question): Promise<T> {
  return new Promise((resolve, reject) => {
    const asking = request({ socketPath, method, path, timeout: ANSWER_DEADLINE_MS }, (response) => {
      const chunks: Buffer[] = [];
      response.on('error', reject);
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        const { statusCode = 0 } = response;
        if (statusCode < 300) return resolve(JSON.parse(text) as T);
        reject(failure(`${method} ${path}: ${statusCode} ${text}`, String(statusCode)));
      });
    });
    asking.on('timeout', () => {
      asking.destroy(failure(`no answer from ${socketPath}`, 'ETIMEDOUT'));
    });
    asking.on('error', reject);
    asking.end();
  });
}

/** For what can be asked twice. Rejects with the last trouble when the daemon has been away for too long. */
export async function askUntilThere<T>(question: Question, patienceMs = LONGEST_ABSENCE_MS): Promise<T> {
  const giveUpAtMs = performance.now() + Math.min(patienceMs, LONGEST_ABSENCE_MS);
  for (;;) {
    try {
      return await askDaemon<T>(question);
    } catch (error) {
      const isAbsent = ABSENT.has((error as NodeJS.ErrnoException).code ?? '');
      if (!isAbsent || performance.now() > giveUpAtMs) throw error;
    }
    await delay(POLL_MS);
  }
}
