/** Access to the fields of a uop and to the registers it names. All of it is inlined. */
import { F, X } from '../state-layout';

@inline
export function imm(uop: u32): i64 {
  return <i64>load<i32>(uop, 4);
}

@inline
export function rs1(uop: u32): u64 {
  return load<u64>(<u32>load<u8>(uop, 2), X);
}

@inline
export function rs2(uop: u32): u64 {
  return load<u64>(<u32>load<u8>(uop, 3), X);
}

@inline
export function setRd(uop: u32, value: u64): void {
  store<u64>(<u32>load<u8>(uop, 1), value, X);
}

@inline
export function setFrd(uop: u32, value: u64): void {
  store<u64>(<u32>load<u8>(uop, 1), value, F);
}

@inline
export function frs2(uop: u32): u64 {
  return load<u64>(<u32>load<u8>(uop, 3), F);
}

/** Architectural registers by number, for the instructions that keep their raw encoding. */
@inline
export function readX(index: u32): u64 {
  return load<u64>(index << 3, X);
}

@inline
export function writeX(index: u32, value: u64): void {
  if (index != 0) store<u64>(index << 3, value, X);
}

@inline
export function readF(index: u32): u64 {
  return load<u64>(index << 3, F);
}

@inline
export function writeF(index: u32, value: u64): void {
  store<u64>(index << 3, value, F);
}
