/** The three ways a request to a guest agent can go wrong. What the guest says in them is short and printable. */

/** No answer in time, or nobody at the other end: whether it was done is not known. */
export class AgentSilent extends Error {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'AgentSilent';
  }
}

/** The agent answered with an error: it is there and did not do it. */
export class AgentRefused extends Error {
  readonly errorClass: string;

  constructor(command: string, errorClass: string, description: string) {
    super(`${command}: ${description}`);
    this.name = 'AgentRefused';
    this.errorClass = errorClass;
  }
}

/** What came is not the agent's protocol, or more than it needs. The connection is given up. */
export class AgentGarbled extends Error {
  constructor(message: string) {
    super(`what came from the guest is not the guest agent's protocol: ${message}`);
    this.name = 'AgentGarbled';
  }
}
