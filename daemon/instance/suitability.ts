/** Whether a build can run a machine at all, by its document or by the line that it was adopted with. Pure. */
import type { Build } from '../build.js';
import type { PlannedMachine, VmmDriver } from './driver.js';

/** Sentences on why it cannot; none when it can. */
export function refusalsOf(
  driver: Pick<VmmDriver, 'resolve'>,
  { spec, adopted = null }: PlannedMachine,
  { abilities }: Pick<Build, 'abilities'>,
): readonly string[] {
  if (adopted === null) return driver.resolve(spec, abilities).refusals;
  const { qemu } = abilities;
  if (qemu === undefined) return ['an adopted machine can run on QEMU only'];
  const refusals: string[] = [];
  if (qemu.architecture !== spec.architecture) {
    refusals.push(`its guest is ${spec.architecture}, but those of the build are ${qemu.architecture}`);
  }
  if (!qemu.machineTypes.some(({ name }) => name === spec.machineType)) {
    refusals.push(`the build has no machine type ${spec.machineType}`);
  }
  if (!qemu.accelerators.some((name) => name === spec.accelerator)) {
    refusals.push(`${spec.accelerator} does not work with the build on this host`);
  }
  return refusals;
}
