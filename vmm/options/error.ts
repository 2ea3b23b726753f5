/** What is wrong with the command line: one sentence that names the option and what would be right. */
export class OptionError extends Error {
  readonly option: string;

  /** `option` is the option as the user wrote it, dash included; the message follows it on one line. */
  constructor(option: string, reason: string) {
    super(`${option}: ${reason}`);
    this.name = 'OptionError';
    this.option = option;
  }
}
