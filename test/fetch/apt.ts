/**
 * A private apt for an ordinary user: its own state, lists and cache below the cache folder, an empty
 * set of installed packages, and the machine's own way to the archive (URIs, keyring, proxies, login).
 * apt verifies signatures and hashes itself; nothing is installed and nothing outside the folder written.
 */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import type { Bundle } from './bundles.js';
import {
  type AptSource,
  findDebianSource,
  type PackageKind,
  parseDeb822,
  parseOneLine,
  renderSource,
} from './sources.js';

/** A download of 200 MB over a slow line; apt itself gives up on a silent server much earlier. */
const APT_DEADLINE_MS = 20 * 60_000;
const ERROR_LINES = 6;

export interface AptRoot {
  readonly configuration: string;
  readonly archives: string;
  readonly origin: string;
}

/** Something that the user can mend; `advice` is shared by all failures of one cause. */
export class FetchError extends Error {
  readonly advice: string | undefined;

  constructor(message: string, { advice, cause }: { advice?: string; cause?: unknown } = {}) {
    super(message, { cause });
    this.advice = advice;
  }
}

const NETWORK_ADVICE =
  'Check the network and that this machine’s own `apt-get update` works (proxy, mirror, keyring: package\n' +
  'debian-archive-keyring), then run `npm run fetch` again: it continues where it stopped.';

/** The machine's own sources, from wherever its apt looks for them. */
export async function readMachineSources(): Promise<AptSource[]> {
  const { stdout } = await run('apt-config', [
    'shell',
    'LIST',
    'Dir::Etc::sourcelist/f',
    'PARTS',
    'Dir::Etc::sourceparts/d',
  ]);
  const setting = (name: string) => new RegExp(`^${name}='(.*)'$`, 'm').exec(stdout)?.[1];
  const files: string[] = [];
  const parts = setting('PARTS');
  if (parts !== undefined) {
    for (const name of (await readdir(parts).catch(ignoreAbsent)) ?? []) {
      if (/\.(list|sources)$/.test(name)) files.push(join(parts, name));
    }
  }
  files.sort().unshift(...[setting('LIST')].filter((path) => path !== undefined));
  const sources: AptSource[] = [];
  for (const path of files) {
    const text = await readFile(path, 'utf8').catch(ignoreAbsent);
    if (text !== undefined)
      sources.push(...(path.endsWith('.sources') ? parseDeb822(text) : parseOneLine(text)));
  }
  return sources;
}

export async function hostArchitecture(): Promise<string> {
  return (await run('dpkg', ['--print-architecture'])).stdout.trim();
}

/** Makes the private apt for some suites and one architecture, and brings its package lists up to date. */
export async function openAptRoot(
  directory: string,
  suites: readonly string[],
  architecture: string,
  kind: PackageKind = 'binary',
): Promise<AptRoot> {
  if (directory.includes('"'))
    throw new FetchError(`expected a cache folder without quotes, got ${directory}`);
  const source = findDebianSource(await readMachineSources());
  if (source === undefined) {
    throw new FetchError(
      'expected a Debian source (suite such as bookworm, component main) in this machine’s apt ' +
        'configuration, got none: add one, or set BATON_CACHE to a folder that another machine has filled',
    );
  }
  const archives = join(directory, 'archives');
  for (const path of ['state', 'lists/partial', 'cache', 'archives/partial']) {
    await mkdir(join(directory, path), { recursive: true });
  }
  await writeFile(join(directory, 'status'), '');
  await writeFile(join(directory, 'debian.sources'), renderSource(source, suites, architecture, kind));
  const configuration = join(directory, 'apt.conf');
  await writeFile(configuration, renderConfiguration(directory, suites[0] ?? '', architecture));
  const root = { configuration, archives, origin: `${suites.join(', ')} from ${source.uris.join(' ')}` };
  await apt(root, 'apt-get', ['update']);
  return root;
}

function renderConfiguration(directory: string, suite: string, architecture: string): string {
  return `#clear APT::Architectures;
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
APT::Architecture "${architecture}";
APT::Architectures { "${architecture}"; };
APT::Default-Release "${suite}";
APT::Install-Recommends "false";
APT::Sandbox::User "root";
APT::Update::Error-Mode "any";
Acquire::Retries "3";
Dir::State "${directory}/state";
Dir::State::lists "${directory}/lists";
Dir::State::status "${directory}/status";
Dir::Cache "${directory}/cache";
Dir::Cache::archives "${directory}/archives";
Dir::Etc::sourcelist "${directory}/debian.sources";
Dir::Etc::sourceparts "${directory}/none";
Dir::Etc::preferences "${directory}/none";
Dir::Etc::preferencesparts "${directory}/none";
quiet "2";
`;
}

export interface ResolvedPackage {
  readonly name: string;
  readonly version: string;
}

/** The packages, by version, that a bundle consists of today. */
export async function resolveBundle(root: AptRoot, bundle: Bundle): Promise<ResolvedPackage[]> {
  const [first = ''] = bundle.packages;
  const { version } = await showPackage(root, first);
  if (!version.replace(/^\d+:/, '').startsWith(bundle.version)) {
    throw new FetchError(
      `expected ${first} ${bundle.version}* in ${root.origin}, got ${version}: ` +
        'change the version or the suites of this bundle in test/fetch/bundles.ts',
    );
  }
  if (bundle.dependencies === 'closure') {
    const plan = await apt(root, 'apt-get', ['--simulate', 'install', ...bundle.packages]);
    return plannedPackages(plan);
  }
  const found = new Map<string, string>();
  for (const name of bundle.packages) await follow(root, name, bundle.dependencies, found);
  return [...found].map(([name, version]) => ({ name, version }));
}

/** What `apt-get --simulate install` says that it would install. */
export function plannedPackages(plan: string): ResolvedPackage[] {
  const lines = plan.matchAll(/^Inst (\S+) (?:\[\S+\] )?\((\S+) /gm);
  return [...lines].map(([, name = '', version = '']) => ({ name: name.replace(/:.*/, ''), version }));
}

/** Downloads packages and lets apt verify them; returns the paths of the `.deb` files. */
export async function downloadPackages(
  root: AptRoot,
  packages: readonly ResolvedPackage[],
): Promise<string[]> {
  const exact = packages.map(({ name, version }) => `${name}=${version}`);
  await apt(root, 'apt-get', ['download', ...exact], root.archives);
  const files = await readdir(root.archives);
  return packages.map(({ name, version }) => {
    const file = files.find((candidate) => {
      return candidate.startsWith(`${name}_${version.replaceAll(':', '%3a')}_`) && candidate.endsWith('.deb');
    });
    if (file === undefined)
      throw new FetchError(`expected apt to download ${name} ${version}, but it did not`);
    return join(root.archives, file);
  });
}

/** Adds `name` with its version, and those of its dependencies whose names match. */
async function follow(
  root: AptRoot,
  name: string,
  pattern: RegExp | 'none',
  found: Map<string, string>,
): Promise<void> {
  if (found.has(name)) return;
  const { version, depends } = await showPackage(root, name);
  found.set(name, version);
  if (pattern === 'none') return;
  for (const dependency of depends.filter((candidate) => pattern.test(candidate))) {
    await follow(root, dependency, pattern, found);
  }
}

async function showPackage(root: AptRoot, name: string): Promise<{ version: string; depends: string[] }> {
  const text = await apt(root, 'apt-cache', ['show', '--no-all-versions', name]);
  const field = (key: string) => new RegExp(`^${key}: (.*)$`, 'm').exec(text)?.[1] ?? '';
  return { version: field('Version'), depends: dependencyNames(field('Depends')) };
}

/** Package names of a Depends field; of alternatives the first. */
export function dependencyNames(depends: string): string[] {
  return depends
    .split(',')
    .map((clause) => /^\s*([a-z0-9][a-z0-9+.-]*)/.exec(clause)?.[1])
    .filter((name) => name !== undefined);
}

export async function apt(
  root: AptRoot,
  program: string,
  args: readonly string[],
  cwd?: string,
): Promise<string> {
  try {
    const { stdout } = await run(program, ['-c', root.configuration, ...args], cwd);
    return stdout;
  } catch (error) {
    if (error instanceof FetchError) throw error;
    const { stderr = '', shortMessage } = error as { stderr?: string; shortMessage?: string };
    const lines = stderr.split('\n').filter((line) => /^[EW]:/.test(line));
    const reasons = lines.length > 0 ? lines : [shortMessage ?? String(error)];
    throw new FetchError(
      [`${program} ${args.join(' ')} failed for ${root.origin}`, ...reasons.slice(0, ERROR_LINES)].join(
        '\n  ',
      ),
      { advice: NETWORK_ADVICE, cause: error },
    );
  }
}

async function run(file: string, args: readonly string[], cwd?: string): Promise<{ stdout: string }> {
  try {
    return await execa(file, args, {
      timeout: APT_DEADLINE_MS,
      stdin: 'ignore',
      env: { LC_ALL: 'C.UTF-8', DEBIAN_FRONTEND: 'noninteractive' },
      ...(cwd === undefined ? {} : { cwd }),
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new FetchError(
      `expected \`${file}\` on this machine, got none: fetching needs Debian's apt and dpkg. On another machine, ` +
        'set BATON_CACHE to a folder that a Debian machine has filled',
      { cause: error },
    );
  }
}

function ignoreAbsent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error;
}
