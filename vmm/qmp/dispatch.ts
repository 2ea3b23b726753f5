/**
 * One QMP session: negotiation, then commands one at a time, each answered exactly once with its `id`.
 * Knows values, not bytes; never throws and never rejects.
 */

import {
  CommandDescriptors,
  type NamedDescriptors,
  NOTHING_SENT,
  type SentDescriptors,
} from '../descriptors/monitor-descriptors.js';
import { VERSION_INFO } from '../version.js';
import { type Command, checkArguments, runCommand, type SharedContext } from './command.js';
import { QmpError } from './error.js';
import {
  isRecord,
  parseRequest,
  type QmpEvent,
  type QmpGreeting,
  QmpProtocolError,
  type QmpReply,
  type QmpRequest,
  type QmpServerMessage,
} from './protocol.js';
import { checkMembers } from './schema.js';

export const GREETING: QmpGreeting = { QMP: { version: VERSION_INFO, capabilities: [] } };

export interface SessionOptions {
  readonly commands: ReadonlyMap<string, Command>;
  /** What commands act on; they wait until it is there. */
  readonly context: Promise<SharedContext>;
  /** Those of the monitor. */
  readonly names: NamedDescriptors;
  send(message: QmpServerMessage): void;
}

export class Session {
  readonly #options: SessionOptions;
  #negotiated = false;

  constructor(options: SessionOptions) {
    this.#options = options;
    options.send(GREETING);
  }

  /** Events before the end of negotiation are not sent. */
  event(event: QmpEvent): void {
    if (this.#negotiated) this.#options.send(event);
  }

  /** Answers what was no JSON. */
  refuse(error: QmpProtocolError): void {
    this.#options.send({ error: { class: error.class, desc: error.message } });
  }

  /** `sent`: the descriptors that came with it. */
  async handle(value: unknown, sent: SentDescriptors = NOTHING_SENT): Promise<void> {
    // An `id` is echoed even when the rest of the request makes no sense.
    const id = isRecord(value) && value.id !== undefined ? { id: value.id } : {};
    let reply: QmpReply;
    try {
      reply = { return: await this.#execute(parseRequest(value), sent), ...id };
    } catch (error) {
      reply = { error: errorBody(error), ...id };
    }
    this.#options.send(reply);
  }

  async #execute(request: QmpRequest, sent: SentDescriptors): Promise<unknown> {
    const { execute: name, arguments: args = {} } = request;
    const command = this.#options.commands.get(name);
    if (!this.#negotiated) return this.#negotiate(name, command, args);
    if (command === undefined) {
      throw new QmpError(`The command ${name} has not been found`, 'CommandNotFound');
    }
    checkArguments(args, command);
    const descriptors = new CommandDescriptors(this.#options.names, sent);
    return runCommand(command, { ...(await this.#options.context), descriptors }, args);
  }

  async #negotiate(
    name: string,
    command: Command | undefined,
    args: Readonly<Record<string, unknown>>,
  ): Promise<unknown> {
    if (name !== 'qmp_capabilities' || command === undefined) {
      throw new QmpError("Expecting capabilities negotiation with 'qmp_capabilities'", 'CommandNotFound');
    }
    checkMembers(args, command.args);
    const [unknown] = (args.enable ?? []) as readonly string[];
    if (unknown !== undefined) throw new QmpError(`capability '${unknown}' is not offered`);
    await this.#options.context;
    this.#negotiated = true;
    return {};
  }
}

function errorBody(error: unknown): { class: QmpError['class']; desc: string } {
  if (error instanceof QmpError || error instanceof QmpProtocolError) {
    return { class: error.class, desc: error.message };
  }
  return { class: 'GenericError', desc: error instanceof Error ? error.message : String(error) };
}
