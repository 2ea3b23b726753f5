import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { sourceVersions } from './source-packages.js';
import { parseDeb822, parseOneLine, renderSource } from './sources.js';

const test = suite('source packages');

test('versions are taken from what apt-cache shows, each once', () => {
  const shown = `Package: qemu
Binary: qemu-system
Version: 1:10.2.2+ds-1
Checksums-Sha256:
 00 10994 qemu_10.2.2+ds-1.dsc

Package: qemu
Version: 1:11.1.3+ds-1~bpo13+1

Package: qemu
Version: 1:10.2.2+ds-1
`;
  assert.equal(sourceVersions(shown), ['1:10.2.2+ds-1', '1:11.1.3+ds-1~bpo13+1']);
  assert.equal(sourceVersions(''), []);
});

test('a source of sources keeps address and keyring, and lists nothing else', () => {
  const [machine] = parseOneLine(
    'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://m.example/debian bookworm main',
  );
  assert.ok(machine);
  const [derived] = parseDeb822(renderSource(machine, ['sid', 'trixie'], 'amd64', 'source'));
  assert.equal(derived?.types, ['deb-src']);
  assert.equal(derived?.suites, ['sid', 'trixie']);
  assert.equal(derived?.uris, machine.uris);
  assert.is(derived?.options.targets, 'Sources');
  assert.is(derived?.options['signed-by'], machine.options['signed-by']);
});

test.run();
