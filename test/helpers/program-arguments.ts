/** Arguments of the programs below test/: `--help` prints how they are used, and what is not understood ends them with that. */
import { type ParseArgsConfig, parseArgs } from 'node:util';

const EXIT_USAGE = 2;

type Known = NonNullable<ParseArgsConfig['options']>;
type Parsed<Options extends Known> = ReturnType<
  typeof parseArgs<{ options: Options; allowPositionals: boolean }>
>;

export function programArguments<Options extends Known>(
  usage: string,
  options: Options,
  { allowPositionals = false } = {},
): Parsed<Options> {
  try {
    const parsed = parseArgs({
      options: { ...options, help: { type: 'boolean', short: 'h' } },
      allowPositionals,
    });
    if ((parsed.values as { help?: boolean }).help) {
      console.log(usage);
      process.exit(0);
    }
    return parseArgs({ options, allowPositionals });
  } catch (error) {
    exitWithUsage(usage, error);
  }
}

/** Says what is wrong with the arguments, and how they are meant. */
export function exitWithUsage(usage: string, error: unknown): never {
  console.error(`${error instanceof Error ? error.message : error}\n\n${usage}`);
  process.exit(EXIT_USAGE);
}
