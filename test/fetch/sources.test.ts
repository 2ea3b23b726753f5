import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findDebianSource, parseDeb822, parseOneLine, renderSource } from './sources.js';

const test = suite('apt sources');

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

test('a one-line source is read with its options, comments and blank lines are not', () => {
  const text = `# the archive
deb [ arch=amd64,riscv64 signed-by=${KEYRING} ] http://mirror.example/debian bookworm main contrib # trailing

deb-src http://mirror.example/debian bookworm main
#deb http://other.example/debian sid main
`;
  const sources = parseOneLine(text);
  assert.is(sources.length, 2);
  assert.equal(sources[0], {
    types: ['deb'],
    uris: ['http://mirror.example/debian'],
    suites: ['bookworm'],
    components: ['main', 'contrib'],
    options: { architectures: 'amd64 riscv64', 'signed-by': KEYRING },
    enabled: true,
  });
  assert.equal(sources[1]?.types, ['deb-src']);
});

test('a deb822 file is read stanza by stanza, over comments and continued lines', () => {
  const text = `Types: deb deb-src
# a snapshot would be: http://snapshot.example/
URIs: http://one.example/debian
  http://two.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc
 -----END PGP PUBLIC KEY BLOCK-----

Enabled: no
Types: deb
URIs: http://three.example/debian
Suites: sid
Components: main
`;
  const [first, second] = parseDeb822(text);
  assert.equal(first?.uris, ['http://one.example/debian', 'http://two.example/debian']);
  assert.equal(first?.suites, ['bookworm', 'bookworm-updates']);
  assert.match(first?.options['signed-by'] ?? '', /\n \.\n abc\n/);
  assert.is(first?.enabled, true);
  assert.is(second?.enabled, false);
});

test('files without a source give none', () => {
  assert.equal(parseOneLine(''), []);
  assert.equal(parseOneLine('deb\nnonsense here\n'), []);
  assert.equal(parseDeb822('\n\n# only a comment\n\n'), []);
});

test('the Debian source is found among strangers with a similar suite', () => {
  const sources = parseOneLine(`deb https://vendor.example/apt bookworm main
deb https://vendor.example/docker bookworm stable
deb [signed-by=${KEYRING}] http://mirror.example/pub bookworm main
deb [signed-by=${KEYRING}] http://mirror.example/security bookworm-security main
`);
  assert.equal(findDebianSource(sources)?.uris, ['http://mirror.example/pub']);
});

test('without a keyring named, the address that ends in /debian is taken', () => {
  const sources = parseOneLine(`deb https://vendor.example/apt bookworm main
deb mirror+file:/etc/apt/mirrors/debian trixie main
`);
  assert.equal(findDebianSource(sources)?.uris, ['mirror+file:/etc/apt/mirrors/debian']);
});

test('a disabled source, a source-package source or another distribution is no Debian source', () => {
  const disabled = parseDeb822(
    'Types: deb\nURIs: http://a/debian\nSuites: sid\nComponents: main\nEnabled: no\n',
  );
  const others = parseOneLine(
    'deb-src http://a.example/debian sid main\ndeb http://b.example/ubuntu noble main\n',
  );
  assert.is(findDebianSource([...disabled, ...others]), undefined);
});

test('a derived source keeps addresses, keyring and options, and sets suites and architecture', () => {
  const [source] = parseDeb822(
    `Types: deb\nURIs: http://m.example/debian\nSuites: bookworm\nComponents: main contrib\nArchitectures: amd64\nSigned-By: ${KEYRING}\nCheck-Valid-Until: no\n`,
  );
  assert.ok(source);
  const rendered = renderSource(source, ['bookworm-backports', 'bookworm'], 'riscv64');
  assert.equal(parseDeb822(rendered), [
    {
      types: ['deb'],
      uris: ['http://m.example/debian'],
      suites: ['bookworm-backports', 'bookworm'],
      components: ['main'],
      enabled: true,
      options: {
        architectures: 'riscv64',
        languages: 'none',
        targets: 'Packages',
        'signed-by': KEYRING,
        'check-valid-until': 'no',
      },
    },
  ]);
});

test('a keyring embedded in the source survives being derived', () => {
  const [source] = parseDeb822(
    'Types: deb\nURIs: http://m/debian\nSuites: sid\nComponents: main\nSigned-By:\n begin\n .\n end\n',
  );
  assert.ok(source);
  assert.is(
    parseDeb822(renderSource(source, ['sid'], 'amd64'))[0]?.options['signed-by'],
    source.options['signed-by'],
  );
});

test.run();
