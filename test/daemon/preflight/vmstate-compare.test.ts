import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { dumpVmState } from '../../../daemon/instance/qemu-vmstate.js';
import { blocks, type Finding } from '../../../daemon/preflight/finding.js';
import { parseVmStateDump } from '../../../daemon/preflight/vmstate.js';
import { compareVmState } from '../../../daemon/preflight/vmstate-compare.js';
import { findInCache, type QemuTarget, type QemuVersion } from '../../fetch/cache.js';
import { skipSuite } from '../../helpers/skip.js';

interface Field {
  field: string;
  version_id: number;
  field_exists: boolean;
  size: number;
  num?: number;
  Description?: Description;
}

interface Description {
  name: string;
  version_id: number;
  minimum_version_id: number;
  Fields: Field[];
  Subsections?: Description[];
}

const field = (name: string, size: number, more: Partial<Field> = {}): Field => ({
  field: name,
  version_id: 0,
  field_exists: false,
  size,
  ...more,
});

/** A clock of two versions with everything that a description can have. */
function clock(): Description {
  const ring = {
    name: 'ring',
    version_id: 1,
    minimum_version_id: 1,
    Fields: [field('head', 2), field('tail', 2)],
  };
  return {
    name: 'clock',
    version_id: 2,
    minimum_version_id: 1,
    Fields: [
      field('control', 4),
      field('counters', 8, { num: 3 }),
      field('ring', 40, { Description: ring }),
      field('alarm', 8, { version_id: 2 }),
      field('lamp', 1, { field_exists: true }),
    ],
    Subsections: [{ name: 'clock/zone', version_id: 1, minimum_version_id: 1, Fields: [field('zone', 4)] }],
  };
}

function dumpOf(devices: Record<string, Description>) {
  const entries = Object.entries(devices).map(([type, Description]) => [type, { Name: type, Description }]);
  const document = { vmschkmachine: { Name: 'board-1.0' }, ...Object.fromEntries(entries) };
  return parseVmStateDump(JSON.stringify(document));
}

/** What is found when the target's clock was changed. */
function foundAfter(change: (target: Description) => void): readonly Finding[] {
  const target = clock();
  change(target);
  return compareVmState(dumpOf({ clock: clock() }), dumpOf({ clock: target }), ['clock']);
}

const brief = (findings: readonly Finding[]) => findings.map(({ code, severity }) => `${severity} ${code}`);

const test = suite('comparing vmstate');

test('the same description gives no finding', () => {
  assert.equal(
    foundAfter(() => undefined),
    [],
  );
});

test('a device that is not in use does not matter, nor one without state of its own', () => {
  const source = dumpOf({ clock: clock(), lamp: clock() });
  assert.equal(compareVmState(source, dumpOf({ clock: clock() }), ['clock', 'container']), []);
});

test('a device in use that the target lacks blocks', () => {
  assert.equal(brief(compareVmState(dumpOf({ clock: clock() }), dumpOf({}), ['clock', 'clock'])), [
    'block vmstate_device_missing',
  ]);
});

test('a section under another name blocks', () => {
  const findings = foundAfter((target) => {
    target.name = 'watch';
  });
  assert.equal(brief(findings), ['block vmstate_section_renamed']);
});

test('a version that the target no longer, or not yet, reads blocks', () => {
  const tooOld = foundAfter((target) => {
    target.version_id = 4;
    target.minimum_version_id = 3;
  });
  assert.equal(brief(tooOld), ['block vmstate_version_too_old']);
  assert.match(tooOld[0]?.sentence ?? '', /clock writes version 2, but the target reads from 3 on/);
  const tooNew = foundAfter((target) => {
    target.version_id = 1;
  });
  assert.equal(brief(tooNew), ['block vmstate_version_too_new']);
});

test('a field that only a later version has is not expected of an earlier one', () => {
  const findings = foundAfter((target) => {
    target.version_id = 3;
    target.Fields.push(field('moon', 8, { version_id: 3 }));
  });
  assert.equal(findings, []);
});

test('a field that is gone, new, moved or of another size blocks', () => {
  const gone = foundAfter((target) => target.Fields.splice(0, 1));
  assert.equal(brief(gone), ['block vmstate_field_missing']);
  const added = foundAfter((target) => target.Fields.unshift(field('moon', 8)));
  assert.equal(brief(added), ['block vmstate_field_unexpected']);
  const moved = foundAfter((target) => target.Fields.unshift(...target.Fields.splice(1, 1)));
  assert.equal(brief(moved), ['block vmstate_field_missing', 'block vmstate_field_unexpected']);
  const grown = foundAfter((target) => target.Fields.splice(0, 1, field('control', 8)));
  assert.equal(brief(grown), ['block vmstate_field_size']);
  const longer = foundAfter((target) => target.Fields.splice(1, 1, field('counters', 8, { num: 4 })));
  assert.equal(brief(longer), ['block vmstate_field_count']);
});

test('a field that was renamed in its place, or cut into others of as many bytes, still loads', () => {
  const renamed = foundAfter((target) => target.Fields.splice(0, 1, field('mode', 4)));
  assert.equal(brief(renamed), ['info vmstate_field_renamed']);
  const cut = foundAfter((target) => target.Fields.splice(0, 1, field('mode', 3), field('unused', 1)));
  assert.equal(brief(cut), ['info vmstate_field_renamed']);
});

test('the size of a structure in memory does not matter, its fields do', () => {
  const findings = foundAfter((target) => {
    const ring = target.Fields[2] as Field;
    ring.size = 48;
    ring.Description?.Fields.push(field('mask', 2));
  });
  assert.equal(brief(findings), ['block vmstate_field_unexpected']);
  assert.match(findings[0]?.sentence ?? '', /clock: ring: the target reads mask/);
});

test('a value that became a structure is told', () => {
  const findings = foundAfter((target) => {
    target.Fields[0] = field('control', 4, { Description: { ...clock(), Subsections: [] } });
  });
  assert.equal(brief(findings), ['warn vmstate_field_type']);
});

test('what a device may leave out is a warning', () => {
  const lampGone = foundAfter((target) => target.Fields.pop());
  assert.equal(brief(lampGone), ['warn vmstate_field_missing']);
  const lampAlways = foundAfter((target) => target.Fields.splice(4, 1, field('lamp', 1)));
  assert.equal(brief(lampAlways), ['warn vmstate_field_condition']);
  const zoneGone = foundAfter((target) => target.Subsections?.pop());
  assert.equal(brief(zoneGone), ['warn vmstate_subsection_missing']);
  const zoneGrown = foundAfter((target) => target.Subsections?.[0]?.Fields.push(field('daylight', 1)));
  assert.equal(brief(zoneGrown), ['warn vmstate_field_unexpected']);
});

test('a processor is not in a dump, and that is said', () => {
  const findings = compareVmState(dumpOf({}), dumpOf({}), ['fast-riscv-cpu']);
  assert.equal(brief(findings), ['info vmstate_processor_unknown']);
});

test('what is no dump is refused with its place', () => {
  const refused = (document: unknown, words: RegExp) => {
    const text = typeof document === 'string' ? document : JSON.stringify(document);
    assert.throws(() => parseVmStateDump(text), words);
  };
  const machine = { Name: 'board-1.0' };
  refused('qemu: no such option', /expected -dump-vmstate to write JSON/);
  refused([], /expected an object for the document/);
  refused({}, /expected an object for vmschkmachine/);
  refused({ vmschkmachine: machine, clock: {} }, /expected an object for clock/);
  refused(
    { vmschkmachine: machine, clock: { Description: { name: 7 } } },
    /expected a name for clock.*got 7/,
  );
  const oddSize = clock();
  oddSize.Fields[1] = field('counters', 0.5);
  refused(
    { vmschkmachine: machine, clock: { Description: oddSize } },
    /an integer for clock, field counters/,
  );
  const many = { ...clock(), Fields: Array.from({ length: 2_001 }, (_, index) => field(`f${index}`, 1)) };
  refused({ vmschkmachine: machine, clock: { Description: many } }, /at most 2000 fields at clock/);
  let deep: Description = clock();
  for (let level = 0; level < 40; level += 1) deep = { ...clock(), Subsections: [deep] };
  refused({ vmschkmachine: machine, clock: { Description: deep } }, /at most 32 deep/);
});

const cache = findInCache();
const qemus = (['10.0', '11.1'] as const).flatMap((version) =>
  (['x86_64', 'riscv64'] as const).map((target) => ({ version, target, found: cache.qemu(version, target) })),
);
const missing = qemus.map(({ found }) => found).find((found) => 'missing' in found);

/** Of a machine with a disk, a network card and a serial port. */
const IN_USE = {
  x86_64: [
    ...[
      'ICH9-LPC',
      'mch',
      'gpex-root',
      'q35-pcihost',
      'mc146818rtc',
      'hpet',
      'i8042',
      'isa-serial',
      'ioapic',
    ],
    ...['isa-pit', 'isa-i8259', 'i8257', 'ich9-ahci', 'fw_cfg_io', 'port92', 'vmmouse', 'isa-pcspk'],
    ...['virtio-blk-device', 'virtio-net-device', 'virtio-scsi-device', 'scsi-hd', 'qemu64-x86_64-cpu'],
  ],
  riscv64: ['riscv.aclint.mtimer', 'riscv.sifive.plic', 'goldfish_rtc', 'virtio-blk-device', 'serial-mm'],
};

async function compareBinaries(target: QemuTarget, machine: string, from: QemuVersion, to: QemuVersion) {
  const path = (version: QemuVersion) => {
    const found = cache.qemu(version, target);
    return 'missing' in found ? '' : (found.argvPrefix[0] ?? '');
  };
  const source = await dumpVmState(path(from), machine);
  return compareVmState(source, await dumpVmState(path(to), machine), IN_USE[target]);
}

if (missing !== undefined && 'missing' in missing) {
  skipSuite('comparing vmstate of real QEMUs', missing.missing);
} else {
  test('a plain q35 machine of version 10.0 is not blocked from 10.0 to 11.1', async () => {
    const findings = await compareBinaries('x86_64', 'pc-q35-10.0', '10.0', '11.1');
    assert.not(blocks(findings), JSON.stringify(findings));
    assert.ok(findings.some(({ code }) => code === 'vmstate_processor_unknown'));
  });

  test('a riscv64 machine is blocked from 10.0 to 11.1, by the device that 11.1 refuses to load', async () => {
    const findings = await compareBinaries('riscv64', 'virt', '10.0', '11.1');
    assert.ok(blocks(findings));
    const tooOld = findings.find(({ code }) => code === 'vmstate_version_too_old');
    assert.match(
      tooOld?.sentence ?? '',
      /riscv.aclint.mtimer writes version 1, but the target reads from 3 on/,
    );
  });

  test('a riscv64 machine is blocked on 10.0, whose timers are lost, and not on 11.1', async () => {
    const older = await compareBinaries('riscv64', 'virt', '10.0', '10.0');
    assert.equal(brief(older), ['block vmstate_known_loss']);
    assert.equal(await compareBinaries('riscv64', 'virt', '11.1', '11.1'), []);
  });

  test('a machine type that the binary lacks is an error with its own words', async () => {
    const comparing = compareBinaries('x86_64', 'pc-q35-11.1', '10.0', '11.1');
    const words = await comparing.catch((error) => error.message);
    assert.match(words, /expected .* to write its vmstate for pc-q35-11.1, but it ended with exit code 1/);
  });
}

test.run();
