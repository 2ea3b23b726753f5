/**
 * A ticker for x86: a multiboot image that counts milliseconds by the ACPI timer of q35, keeps the longest
 * hole it saw, checks 4 KiB of a 2 MiB pattern at 2 MiB on each tick, and every 100 ticks prints over COM1
 * a line as the riscv64 ticker's (`gap_us` is always 0). Needs SeaBIOS and `-kernel`. It waits busily, so
 * it costs a core.
 *
 * The bytes are what GNU as makes of this (Intel syntax, 32 bits, flat, for 1 MiB). ebx: ticks; ebp:
 * longest hole in ticks of the timer; 0x1ff100: time of the last tick; 0x1ff104: 1 when the pattern was
 * once found broken.
 *
 * base:
 *     .long 0x1BADB002, 0x00010000, -(0x1BADB002+0x00010000)
 *     .long 0x100000, 0x100000, 0, 0, 0x100020
 * entry:
 *     mov esp, 0x1ff000
 *     mov edi, 0x200000
 * fill:
 *     mov [edi], edi
 *     add edi, 4
 *     cmp edi, 0x400000
 *     jb fill
 *     xor ebx, ebx
 *     xor ebp, ebp
 *     mov [0x1ff104], ebx
 *     mov dx, 0x608
 *     in eax, dx
 *     mov [0x1ff100], eax
 * main: wait:
 *     mov dx, 0x608
 *     in eax, dx
 *     mov ecx, eax
 *     sub ecx, [0x1ff100]
 *     and ecx, 0xffffff
 *     cmp ecx, 3580
 *     jb wait
 *     mov [0x1ff100], eax
 *     inc ebx
 *     cmp ecx, ebp
 *     jbe check
 *     mov ebp, ecx
 * check:
 *     mov edi, ebx
 *     and edi, 0x1ff
 *     shl edi, 12
 *     add edi, 0x200000
 *     lea ecx, [edi+4096]
 *     lea esi, [text_ok-base+0x100000]
 * next:
 *     cmp [edi], edi
 *     jne bad
 *     add edi, 4
 *     cmp edi, ecx
 *     jb next
 *     cmp dword ptr [0x1ff104], 0
 *     je report
 * bad:
 *     mov dword ptr [0x1ff104], 1
 *     lea esi, [text_bad-base+0x100000]
 * report:
 *     mov eax, ebx
 *     cdq
 *     mov ecx, 100
 *     div ecx
 *     test edx, edx
 *     jnz main
 *     push esi
 *     lea esi, [text_ticks-base+0x100000]
 *     call puts
 *     mov eax, ebx
 *     call putn
 *     lea esi, [text_gap-base+0x100000]
 *     call puts
 *     mov eax, ebp
 *     mov ecx, 1000000
 *     mul ecx
 *     mov ecx, 3579545
 *     div ecx
 *     call putn
 *     pop esi
 *     call puts
 *     jmp main
 * putn:
 *     xor edx, edx
 *     mov ecx, 10
 *     div ecx
 *     push edx
 *     test eax, eax
 *     jz digit
 *     call putn
 * digit:
 *     pop eax
 *     add al, '0'
 *     jmp putc
 * puts:
 *     lodsb
 *     test al, al
 *     jz done
 *     call putc
 *     jmp puts
 * putc:
 *     mov ah, al
 *     mov dx, 0x3fd
 * busy:
 *     in al, dx
 *     test al, 0x20
 *     jz busy
 *     mov dx, 0x3f8
 *     mov al, ah
 *     out dx, al
 * done:
 *     ret
 * text_ticks: .asciz "ticker: ticks=" text_gap: .asciz " gap_us=0 max_gap_us=" text_ok: .asciz "
 * pattern=ok\n" text_bad: .asciz " pattern=BAD\n"
 */
const CODE = [
  '02b0ad1b00000100fe4f51e40000100000001000000000000000000020001000bc00f01f00bf00002000893f83c70481',
  'ff0000400072f331db31ed891d04f11f0066ba0806eda300f11f0066ba0806ed89c12b0d00f11f0081e1ffffff0081f9',
  'fc0d000072e5a300f11f004339e9760289cd89df81e7ff010000c1e70c81c7000020008d8f001000008d355b01100039',
  '3f751083c70439cf72f5833d04f11f00007410c70504f11f00010000008d356801100089d899b964000000f7f185d275',
  '8a568d3536011000e84a00000089d8e82b0000008d3545011000e83800000089e8b940420f00f7e1b9999e3600f7f1e8',
  '0b0000005ee81d000000e94cffffff31d2b90a000000f7f15285c07405e8edffffff580430eb0cac84c07419e8020000',
  '00ebf488c466bafd03eca82074fb66baf80388e0eec37469636b65723a207469636b733d00206761705f75733d30206d',
  '61785f6761705f75733d00207061747465726e3d6f6b0a00207061747465726e3d4241440a00',
];

/** To be written to a file. */
export function x86Ticker(): Uint8Array {
  return Buffer.from(CODE.join(''), 'hex');
}
