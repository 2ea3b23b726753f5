/** What is wrong with a source text: names the line, quotes it, and says what was expected. */
export class AssemblyError extends Error {
  override readonly name = 'AssemblyError';
  readonly line: number;

  constructor(line: number, source: string, problem: string) {
    super(`line ${line}: ${problem}: ${source.trim()}`);
    this.line = line;
  }
}
