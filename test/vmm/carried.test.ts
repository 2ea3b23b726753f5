import { fstatSync, openSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { closeFd } from '../../native/index.js';
import { CarriedDescriptors, type Carrier, type CarryGroup } from '../../vmm/carried.js';
import { Carriers } from '../../vmm/machine/carriers.js';

const test = suite('carried descriptors');

const open = () => openSync('/dev/null', 'r');

function isOpen(fd: number): boolean {
  try {
    fstatSync(fd);
    return true;
  } catch {
    return false;
  }
}

test('are taken by name and number, once; what nobody takes is closed and named', () => {
  const fds = [open(), open(), open()];
  const [peer = -1, first = -1, second = -1] = fds;
  const received = new CarriedDescriptors([
    { name: 'chardev/c/peer', id: 0, fd: peer },
    { name: 'netdev/n', id: 0, fd: first },
    { name: 'netdev/n', id: 1, fd: second },
  ]);
  assert.is(received.take('netdev/n', 1), second);
  assert.is(received.take('netdev/n', 1), null);
  assert.is(received.take('netdev'), null);
  assert.equal(received.closeRest(), ['chardev/c/peer', 'netdev/n']);
  assert.equal(fds.map(isOpen), [false, false, true]);
  assert.equal([received.left, received.closeRest()], [[], []]);
  closeFd(second);
});

test('of several backends are given all together, or not at all', () => {
  const story: string[] = [];
  const carrier = (name: string, complaint: string | null = null): Carrier => ({
    carry: () => {
      story.push(name);
      if (complaint !== null) throw new Error(complaint);
      return [{ name, id: 0, fd: 7 }];
    },
    carried: (outcome) => story.push(`${name} ${outcome}`),
    guestRuns: (runs) => story.push(`${name} ${runs}`),
  });
  const good = new Carriers(() => [carrier('a'), carrier('b')]);
  assert.equal(
    good.carry().map(({ name }) => name),
    ['a', 'b'],
  );
  good.carried('gone');
  assert.equal(story.splice(0), ['a', 'b', 'a gone', 'b gone']);
  const bad = new Carriers(() => [carrier('a'), carrier('b', 'busy'), carrier('c')]);
  assert.throws(() => bad.carry(), /busy/);
  assert.equal(story, ['a', 'b', 'a kept', 'b kept']);
});

test('go early or late by their backend; only who was asked hears what became of it', () => {
  const story: string[] = [];
  const carrier = (name: string, goesLate: boolean): Carrier => ({
    goesLate,
    carry: () => [{ name, id: 0, fd: 7 }],
    carried: (outcome) => story.push(`${name} ${outcome}`),
    guestRuns: () => {},
  });
  const backends = [carrier('chardev', false), carrier('netdev', true)];
  const carriers = new Carriers(() => backends);
  const names = (group: CarryGroup) => carriers.carry(group).map(({ name }) => name);
  assert.equal(names('late'), ['netdev']);
  carriers.carried('gone');
  carriers.carried('kept');
  assert.equal(story.splice(0), ['netdev gone', 'netdev kept']);
  assert.equal(
    [names('early'), names('late'), names('all')],
    [['chardev'], ['netdev'], ['chardev', 'netdev']],
  );
  carriers.carried('kept');
  assert.equal(story, ['chardev kept', 'netdev kept']);
});

test.run();
