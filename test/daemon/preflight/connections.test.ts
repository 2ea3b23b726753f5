import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { needsOf } from '../../../daemon/preflight/command-needs.js';
import { connectionFindings } from '../../../daemon/preflight/connections.js';
import type { UpgradeMode } from '../../../daemon/upgrade.js';

function found(mode: UpgradeMode, ...args: string[]): string[] {
  return connectionFindings(needsOf(args), mode).map(({ code, severity }) => `${severity} ${code}`);
}

const test = suite('connections that are not carried');

test('a tap that the VMM opens by its name is busy for a second process, and free for one that became another', () => {
  const tap = ['-netdev', 'tap,id=n,ifname=tap0,script=no'];
  assert.equal(found('cpr-transfer', ...tap), ['block tap_not_carried']);
  assert.equal(found('cpr-exec', ...tap), ['warn tap_not_carried']);
});

test('a VMM that hands its network on needs a channel for descriptors', () => {
  const stream = '{"type":"stream","id":"n","server":false,"addr":{"type":"unix","path":"/p"}}';
  const needs = needsOf(['-netdev', 'tap,id=n,ifname=tap0,script=no', '-netdev', stream]);
  const found = (mode: UpgradeMode) =>
    connectionFindings(needs, mode, { ownSockets: 0, carriesNetwork: true }).map(
      ({ severity, code }) => `${severity} ${code}`,
    );
  assert.equal(found('cpr-transfer'), []);
  assert.equal(found('cpr-exec'), []);
  assert.equal(found('cpr-reboot'), ['block tap_not_carried', 'warn network_reconnects']);
});

test('a tap whose descriptor is passed on is carried, what vhost has under way is not', () => {
  assert.equal(found('cpr-transfer', '-netdev', 'tap,id=n,fd=3'), []);
  assert.equal(found('cpr-transfer', '-netdev', 'tap,id=n,fd=3,vhost=on'), ['warn vhost_not_carried']);
  assert.equal(found('cpr-exec', '-device', 'vhost-user-blk-pci,chardev=c'), ['warn vhost_not_carried']);
});

test('networks with a process of their own, and sockets that clients are connected to', () => {
  assert.equal(found('cpr-transfer', '-netdev', 'user,id=n'), ['warn connections_dropped']);
  const stream = '{"type":"stream","id":"n","server":false,"addr":{"type":"unix","path":"/p"}}';
  assert.equal(found('cpr-transfer', '-netdev', stream), ['warn network_reconnects']);
  assert.equal(found('cpr-transfer', '-netdev', 'hubport,id=n,hubid=0'), []);
  assert.equal(found('cpr-transfer', '-chardev', 'socket,id=c,path=/p'), ['info sockets_reconnect']);
  assert.equal(found('cpr-exec', '-vnc', 'unix:/v'), ['info screen_reconnects']);
});

test('the port of the guest agent has no client but the daemon', () => {
  const needs = needsOf(['-chardev', 'socket,id=agent0,path=/qga.sock,server=on,wait=off']);
  const own = { ownSockets: 1, carriesNetwork: false };
  assert.equal(connectionFindings(needs, 'cpr-transfer', own), []);
  assert.equal(
    connectionFindings(needs, 'cpr-transfer').map(({ code }) => code),
    ['sockets_reconnect'],
  );
});

test.run();
