/** What a command works with: the daemon, where it prints, and how it is to be ended. */
import type { Readable } from 'node:stream';
import type { BatonClient } from '../client/index.js';
import { CommandError } from './exit-codes.js';
import type { Environment } from './global-options.js';
import type { Output } from './output/output.js';

export interface Context {
  readonly client: BatonClient;
  readonly out: Output;
  readonly input: Readable & { readonly isTTY?: boolean };
  readonly environment: Environment;
  /** What was asked for as documents. */
  readonly json: boolean;
  /** Aborted by SIGINT, SIGTERM and SIGHUP, as `Interrupted`, and when the time of --timeout is over, as `TimedOut`. */
  readonly signal: AbortSignal;
  readonly version: string;
}

export class TimedOut extends CommandError {
  constructor() {
    super('timeout', 'the time given by --timeout is over; what was asked for may go on');
  }
}

export class Interrupted extends CommandError {
  readonly signalNumber: number;

  constructor(signalName: string, signalNumber: number) {
    super('failed', `ended by ${signalName}`);
    this.signalNumber = signalNumber;
  }
}
