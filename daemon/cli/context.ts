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
  /** Null: as long as it takes. */
  readonly timeoutMs: number | null;
  /** Aborted by SIGINT, SIGTERM and SIGHUP. */
  readonly signal: AbortSignal;
  readonly version: string;
}

/** The reason that a context's signal is aborted with. */
export class Interrupted extends CommandError {
  readonly signalNumber: number;

  constructor(signalName: string, signalNumber: number) {
    super('failed', `ended by ${signalName}`);
    this.signalNumber = signalNumber;
  }
}
