/**
 * Pseudo-instructions: what each stands for, by name and number of operands. `$0`, `$1`, `$2` are its operands.
 * In an expansion `.` is the address of the whole statement, which is what `la` and `call` count from.
 */
const EXPANSIONS: Readonly<Record<string, string>> = {
  'nop/0': 'addi x0, x0, 0',
  'mv/2': 'addi $0, $1, 0',
  'not/2': 'xori $0, $1, -1',
  'neg/2': 'sub $0, x0, $1',
  'negw/2': 'subw $0, x0, $1',
  'sext.w/2': 'addiw $0, $1, 0',
  'zext.b/2': 'andi $0, $1, 255',
  'sext.b/2': 'slli $0, $1, 56; srai $0, $0, 56',
  'sext.h/2': 'slli $0, $1, 48; srai $0, $0, 48',
  'zext.h/2': 'slli $0, $1, 48; srli $0, $0, 48',
  'zext.w/2': 'slli $0, $1, 32; srli $0, $0, 32',
  'seqz/2': 'sltiu $0, $1, 1',
  'snez/2': 'sltu $0, x0, $1',
  'sltz/2': 'slt $0, $1, x0',
  'sgtz/2': 'slt $0, x0, $1',
  'beqz/2': 'beq $0, x0, $1',
  'bnez/2': 'bne $0, x0, $1',
  'blez/2': 'bge x0, $0, $1',
  'bgez/2': 'bge $0, x0, $1',
  'bltz/2': 'blt $0, x0, $1',
  'bgtz/2': 'blt x0, $0, $1',
  'bgt/3': 'blt $1, $0, $2',
  'ble/3': 'bge $1, $0, $2',
  'bgtu/3': 'bltu $1, $0, $2',
  'bleu/3': 'bgeu $1, $0, $2',
  'j/1': 'jal x0, $0',
  'jal/1': 'jal x1, $0',
  'jr/1': 'jalr x0, 0($0)',
  'jalr/1': 'jalr x1, 0($0)',
  'jalr/3': 'jalr $0, $2($1)',
  'ret/0': 'jalr x0, 0(x1)',
  'call/1': 'auipc x1, %hi(($0) - .); jalr x1, %lo(($0) - .)(x1)',
  'tail/1': 'auipc x6, %hi(($0) - .); jalr x0, %lo(($0) - .)(x6)',
  'la/2': 'auipc $0, %hi(($1) - .); addi $0, $0, %lo(($1) - .)',
  'lla/2': 'auipc $0, %hi(($1) - .); addi $0, $0, %lo(($1) - .)',
  'fence/0': 'fence iorw, iorw',
  'sfence.vma/0': 'sfence.vma x0, x0',
  'sfence.vma/1': 'sfence.vma $0, x0',
  'unimp/0': 'csrrw x0, cycle, x0',
  'csrr/2': 'csrrs $0, $1, x0',
  'csrw/2': 'csrrw x0, $0, $1',
  'csrs/2': 'csrrs x0, $0, $1',
  'csrc/2': 'csrrc x0, $0, $1',
  'csrwi/2': 'csrrwi x0, $0, $1',
  'csrsi/2': 'csrrsi x0, $0, $1',
  'csrci/2': 'csrrci x0, $0, $1',
  'rdcycle/1': 'csrrs $0, cycle, x0',
  'rdtime/1': 'csrrs $0, time, x0',
  'rdinstret/1': 'csrrs $0, instret, x0',
  'frcsr/1': 'csrrs $0, fcsr, x0',
  'fscsr/1': 'csrrw x0, fcsr, $0',
  'fscsr/2': 'csrrw $0, fcsr, $1',
  'frrm/1': 'csrrs $0, frm, x0',
  'fsrm/1': 'csrrw x0, frm, $0',
  'fsrmi/1': 'csrrwi x0, frm, $0',
  'frflags/1': 'csrrs $0, fflags, x0',
  'fsflags/1': 'csrrw x0, fflags, $0',
  'fsflagsi/1': 'csrrwi x0, fflags, $0',
  'fmv.s/2': 'fsgnj.s $0, $1, $1',
  'fmv.d/2': 'fsgnj.d $0, $1, $1',
  'fabs.s/2': 'fsgnjx.s $0, $1, $1',
  'fabs.d/2': 'fsgnjx.d $0, $1, $1',
  'fneg.s/2': 'fsgnjn.s $0, $1, $1',
  'fneg.d/2': 'fsgnjn.d $0, $1, $1',
  'fgt.s/3': 'flt.s $0, $2, $1',
  'fgt.d/3': 'flt.d $0, $2, $1',
  'fge.s/3': 'fle.s $0, $2, $1',
  'fge.d/3': 'fle.d $0, $2, $1',
};

/** The instructions that a pseudo-instruction stands for, or `null` when it is not one. */
export function expandPseudo(name: string, operands: readonly string[]): string[] | null {
  const expansion = EXPANSIONS[`${name}/${operands.length}`];
  if (expansion === undefined) return null;
  return expansion.replace(/\$(\d)/g, (_, index) => operands[Number(index)] as string).split('; ');
}

/** The shortest of the usual sequences that put a constant into a register. */
export function loadConstant(rd: string, value: bigint): string[] {
  const low = BigInt.asIntN(12, value);
  if (value === low) return [`addi ${rd}, x0, ${low}`];
  if (value === BigInt.asIntN(32, value)) {
    const lui = `lui ${rd}, ${((value + 0x800n) >> 12n) & 0xfffffn}`;
    return low === 0n ? [lui] : [lui, `addiw ${rd}, ${rd}, ${low}`];
  }
  let upper = BigInt.asIntN(64, value - low) >> 12n;
  let shift = 12;
  while ((upper & 1n) === 0n) {
    upper >>= 1n;
    shift += 1;
  }
  const steps = [...loadConstant(rd, upper), `slli ${rd}, ${rd}, ${shift}`];
  return low === 0n ? steps : [...steps, `addi ${rd}, ${rd}, ${low}`];
}
