/** Builds as they are registered and read. */
import { Type } from 'typebox';
import { BUILD_KINDS, FILE_STATES } from '../build.js';
import { UPGRADE_MODES } from '../upgrade.js';
import { pageQuery, wordList } from './paging.js';
import { named, path, strict, textOrNull, time, words } from './schema-words.js';

export const NewBuild = named(
  'NewBuild',
  Type.Object(
    {
      kind: words(BUILD_KINDS, 'What kind of VMM it is'),
      path: path('The binary, or for baton-vmm its main.js'),
    },
    {
      ...strict,
      description: 'A VMM binary',
      examples: [{ kind: 'qemu', path: '/usr/bin/qemu-system-x86_64' }],
    },
  ),
);

export const BuildView = named(
  'Build',
  Type.Object({
    id: Type.String({ description: 'Id: kind, version, and a hash of path and content' }),
    kind: words(BUILD_KINDS, 'What kind of VMM it is'),
    path: Type.String({ description: 'Path' }),
    version: Type.String({ description: 'What the binary says of itself' }),
    contentHash: Type.String({ description: 'SHA-256 of its files when it was registered' }),
    fileState: words(FILE_STATES, 'What its files are now, compared with what was registered'),
    modes: Type.Array(words(UPGRADE_MODES, 'A mode'), { description: 'Upgrade modes it knows' }),
    architecture: textOrNull('Of its guests; null: it has not said'),
    accelerators: Type.Array(Type.String(), { description: 'Those that worked on this host, best first' }),
    machineTypes: Type.Array(Type.String(), { description: "In QEMU's words, deprecated ones excepted" }),
    addedAt: time('When it was registered'),
  }),
);

export const BuildsQuery = pageQuery({ kind: wordList(BUILD_KINDS, 'What kind of VMM they are') });
