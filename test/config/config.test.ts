/** The configuration that is installed: sound as it is, and with everything in it that is commented out. */
import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseConfig } from '../../daemon/config-file.js';
import { INSTALL, SCHEMA, schema, withList } from './generate.js';

const CONFIG = SCHEMA.replace('schema.json', 'yaml');
const test = suite('installed configuration');

test('the default configuration is sound', () => {
  const config = parseConfig(readFileSync(CONFIG, 'utf8'), 'batond.yaml');
  assert.equal(config, { listen: { unix: { group: 'baton' } }, vmm: { user: 'baton-vmm' } });
});

test('what it shows commented out is sound too, and shows every section', () => {
  const text = readFileSync(CONFIG, 'utf8').replaceAll(/^( *)#(?=[a-zA-Z]| {2})/gm, '$1');
  const config = parseConfig(text, 'batond.yaml');
  const sections = Object.keys(JSON.parse(readFileSync(SCHEMA, 'utf8')).properties);
  assert.equal(Object.keys(config).sort(), sections.sort());
});

test('the JSON schema is that of the daemon', () => {
  assert.equal(JSON.parse(readFileSync(SCHEMA, 'utf8')), schema(), 'run npm run build:config');
});

test('the documentation tells of every member', () => {
  const text = readFileSync(INSTALL, 'utf8');
  assert.is(text, withList(text), 'run npm run build:config');
});

test.run();
