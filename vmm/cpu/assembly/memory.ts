/**
 * Data accesses that miss the TLB: page walks, devices, accesses across pages, writes to code. A success
 * enters the page into the TLB when it may be there. Failures leave the fault in mmu.ts.
 */
import { beforeWrite, isRam, noteWritable, ramAddress } from './code-pages';
import { charge, dataPrivilege, dataTlb } from './hart';
import { isMmio, mmioRead, mmioWrite } from './host';
import { ACCESS_FAULT, fault, physical, span, translate } from './mmu';
import { pmpAllows, pmpUniform } from './pmp';
import { enter, READ, WRITE } from './tlb';

/** What a device access pays from the budget, besides being slow: devices take microseconds. */
const DEVICE_COST: i32 = 256;

/** Result of the last successful `loadSlow`, zero-extended. */
export let loaded: u64 = 0;

function isDevice(address: u64, sizeBytes: u32): bool {
  return address >> 32 == 0 && (address & (sizeBytes - 1)) == 0 && isMmio(<u32>address) != 0;
}

/** Translates and checks one access that does not cross a page. Sets mmu's `physical`. */
export function locate(address: u64, sizeBytes: u32, access: u32): bool {
  if (!translate(address, access, dataPrivilege)) return false;
  if (!pmpAllows(physical, sizeBytes, access, dataPrivilege)) return fault(ACCESS_FAULT, access, address);
  if (isRam(physical)) {
    const target = ramAddress(physical & ~0xfff);
    if (access == WRITE) {
      beforeWrite(physical);
      noteWritable(physical);
    }
    if (pmpUniform(physical)) enter(dataTlb, access, address, target, span);
    return true;
  }
  return isDevice(physical, sizeBytes) ? true : fault(ACCESS_FAULT, access, address);
}

function readRam(address: u32, sizeBytes: u32): u64 {
  if (sizeBytes == 1) return load<u8>(address);
  if (sizeBytes == 2) return load<u16>(address);
  if (sizeBytes == 4) return load<u32>(address);
  return load<u64>(address);
}

function readDevice(address: u32, sizeBytes: u32): u64 {
  charge(DEVICE_COST);
  if (sizeBytes < 8) return <u64>mmioRead(address, sizeBytes) & (((<u64>1) << (sizeBytes << 3)) - 1);
  const low = <u64>mmioRead(address, 4);
  return low | ((<u64>mmioRead(address + 4, 4)) << 32);
}

function crosses(address: u64, sizeBytes: u32): bool {
  return (<u32>address & 0xfff) + sizeBytes > 0x1000;
}

/** Locates both parts of an access across pages before any of it is done. Both must be RAM. */
function locateBoth(address: u64, sizeBytes: u32, access: u32): bool {
  const second = (address + sizeBytes) & ~0xfff;
  if (!locate(address, 1, access)) return false;
  if (!isRam(physical)) return fault(ACCESS_FAULT, access, address);
  firstPart = ramAddress(physical);
  if (!locate(second, 1, access)) return false;
  if (!isRam(physical)) return fault(ACCESS_FAULT, access, second);
  secondPart = ramAddress(physical);
  return true;
}

let firstPart: u32 = 0;
let secondPart: u32 = 0;

export function loadSlow(address: u64, sizeBytes: u32): bool {
  if (!crosses(address, sizeBytes)) {
    if (!locate(address, sizeBytes, READ)) return false;
    loaded = isRam(physical)
      ? readRam(ramAddress(physical), sizeBytes)
      : readDevice(<u32>physical, sizeBytes);
    return true;
  }
  if (!locateBoth(address, sizeBytes, READ)) return false;
  const inFirst: u32 = 0x1000 - (<u32>address & 0xfff);
  let value: u64 = 0;
  for (let i: u32 = 0; i < sizeBytes; i++) {
    const at = i < inFirst ? firstPart + i : secondPart + (i - inFirst);
    value |= (<u64>load<u8>(at)) << (i << 3);
  }
  loaded = value;
  return true;
}

function writeRam(address: u32, sizeBytes: u32, value: u64): void {
  if (sizeBytes == 1) store<u8>(address, <u8>value);
  else if (sizeBytes == 2) store<u16>(address, <u16>value);
  else if (sizeBytes == 4) store<u32>(address, <u32>value);
  else store<u64>(address, value);
}

function writeDevice(address: u32, sizeBytes: u32, value: u64): void {
  charge(DEVICE_COST);
  if (sizeBytes < 8) {
    mmioWrite(address, sizeBytes, <u32>(value & (((<u64>1) << (sizeBytes << 3)) - 1)));
    return;
  }
  mmioWrite(address, 4, <u32>value);
  mmioWrite(address + 4, 4, <u32>(value >> 32));
}

export function storeSlow(address: u64, sizeBytes: u32, value: u64): bool {
  if (!crosses(address, sizeBytes)) {
    if (!locate(address, sizeBytes, WRITE)) return false;
    if (isRam(physical)) writeRam(ramAddress(physical), sizeBytes, value);
    else writeDevice(<u32>physical, sizeBytes, value);
    return true;
  }
  if (!locateBoth(address, sizeBytes, WRITE)) return false;
  const inFirst: u32 = 0x1000 - (<u32>address & 0xfff);
  for (let i: u32 = 0; i < sizeBytes; i++) {
    const at = i < inFirst ? firstPart + i : secondPart + (i - inFirst);
    store<u8>(at, <u8>(value >> (i << 3)));
  }
  return true;
}
