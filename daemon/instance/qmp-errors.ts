/** The four ways a QMP request can go wrong; a caller treats each differently. */

/** The VMM answered with an error: it is alive and did not do it. */
export class QmpCommandError extends Error {
  readonly command: string;
  readonly errorClass: string;

  constructor(command: string, errorClass: string, description: string) {
    super(`${command}: ${description}`);
    this.name = 'QmpCommandError';
    this.command = command;
    this.errorClass = errorClass;
  }
}

/** No answer in time: whether it was done is not known. */
export class QmpTimeout extends Error {
  constructor(what: string, deadlineMs: number) {
    super(`the VMM did not answer ${what} within ${deadlineMs} ms`);
    this.name = 'QmpTimeout';
  }
}

/** The connection has ended: whether it was done is not known, unless `isUnread`. */
export class QmpDisconnected extends Error {
  /**
   * The VMM hung up without having read all that was sent: the request sent last was not executed. Linux says so
   * for unix sockets, with ECONNRESET when the peer closes with bytes unread, and EPIPE after it has closed.
   */
  readonly isUnread: boolean;

  constructor(message = "the VMM's monitor closed the connection", isUnread = false) {
    super(message);
    this.name = 'QmpDisconnected';
    this.isUnread = isUnread;
  }
}

/** What came is not QMP. The connection is given up: nothing after it can be trusted. */
export class QmpProtocolError extends Error {
  constructor(message: string) {
    super(`the VMM's monitor does not speak QMP: ${message}`);
    this.name = 'QmpProtocolError';
  }
}
