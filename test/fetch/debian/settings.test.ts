import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { guestSettings } from './settings.js';

const test = suite('settings of the Debian guest');
const settings = guestSettings({ hostPrivateKey: 'HOST KEY', authorizedKey: 'ssh-ed25519 KEY me' });
const find = (path: string) => settings.find((setting) => setting.path === path);
const text = (path: string) => {
  const setting = find(path);
  return setting !== undefined && 'text' in setting ? setting.text : '';
};

test('each file is set once, by a relative path', () => {
  const paths = settings.map(({ path }) => path);
  assert.is(new Set(paths).size, paths.length);
  assert.equal(
    paths.filter((path) => path.startsWith('/')),
    [],
  );
});

test('what root and only root may read is nobody else’s', () => {
  const secret = settings.filter((setting) => 'text' in setting && /KEY/.test(setting.text));
  assert.is(secret.length, 2);
  for (const setting of secret) assert.is('mode' in setting && setting.mode, 0o600, setting.path);
});

test('what would fail without D-Bus is masked, what the guest is for is not', () => {
  assert.equal(find('etc/systemd/system/systemd-logind.service'), {
    path: 'etc/systemd/system/systemd-logind.service',
    link: '/dev/null',
  });
  for (const name of ['ssh', 'systemd-networkd', 'systemd-udevd', 'qemu-guest-agent', 'systemd-journald']) {
    assert.is(find(`etc/systemd/system/${name}.service`), undefined, name);
  }
});

test('a command that is replaced is first taken away', () => {
  for (const name of ['serial-getty@.service', 'ssh.service', 'systemd-udev-trigger.service']) {
    assert.match(text(`etc/systemd/system/${name}.d/baton.conf`), /^(ExecStart|ExecStartPre)=$/m, name);
  }
  const trigger = text('etc/systemd/system/systemd-udev-trigger.service.d/baton.conf');
  assert.is(trigger.match(/^ExecStart=-udevadm trigger .*$/gm)?.length, 2);
});

test.run();
