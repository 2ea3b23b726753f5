/**
 * A TCP server as a static program for Linux on riscv64: raw system calls, no library. One argument says what it does
 * with each connection, on a port of its own, in a process of its own:
 *
 *     echo      port 7    sends everything back
 *     discard   port 9    reads to the end, then closes
 *     supply    port 19   reads a length of eight bytes, lowest first, sends so many bytes, then closes
 */
import { assemble } from '../asm/assemble.js';
import { elf } from '../asm/elf.js';
import type { GuestImage } from './image.js';

export const SERVER_PORTS = { echo: 7, discard: 9, supply: 19 } as const;

const LOAD_ADDRESS = 0x10000;
const BUFFER_BYTES = 64 * 1024;

/** s0: first letter of the argument; s1: listening socket; s2: connection; s3: bytes left to send; s4: where. */
const SOURCE = `
    .equ SYS_CLOSE, 57
    .equ SYS_READ, 63
    .equ SYS_WRITE, 64
    .equ SYS_EXIT, 93
    .equ SYS_RT_SIGACTION, 134
    .equ SYS_SOCKET, 198
    .equ SYS_BIND, 200
    .equ SYS_LISTEN, 201
    .equ SYS_ACCEPT, 202
    .equ SYS_SETSOCKOPT, 208
    .equ SYS_CLONE, 220
    .equ SIGCHLD, 17
    .equ BUFFER_BYTES, ${BUFFER_BYTES}

start:
    ld t0, 16(sp)               # argv[1]
    lbu s0, 0(t0)
    li a0, SIGCHLD              # ended children are not waited for
    la a1, ignore_action
    li a2, 0
    li a3, 8
    li a7, SYS_RT_SIGACTION
    ecall
    li a0, 2                    # AF_INET
    li a1, 1                    # SOCK_STREAM
    li a2, 0
    li a7, SYS_SOCKET
    ecall
    bltz a0, fail
    mv s1, a0
    la a1, address
    li t1, 'e'
    li t0, 7
    beq s0, t1, 1f
    li t1, 'd'
    li t0, 9
    beq s0, t1, 1f
    li t0, 19
1:  sb t0, 3(a1)                # port, the high byte first
    li a2, 16
    li a7, SYS_BIND
    ecall
    bltz a0, fail
    mv a0, s1
    li a1, 16
    li a7, SYS_LISTEN
    ecall
    bltz a0, fail

accept:
    mv a0, s1
    li a1, 0
    li a2, 0
    li a7, SYS_ACCEPT
    ecall
    bltz a0, accept
    mv s2, a0
    mv a0, s2
    li a1, 6                    # IPPROTO_TCP
    li a2, 1                    # TCP_NODELAY
    la a3, one
    li a4, 4
    li a7, SYS_SETSOCKOPT
    ecall
    li a0, SIGCHLD
    li a1, 0
    li a2, 0
    li a3, 0
    li a4, 0
    li a7, SYS_CLONE
    ecall
    beqz a0, serve
    mv a0, s2
    li a7, SYS_CLOSE
    ecall
    j accept

serve:
    mv a0, s1
    li a7, SYS_CLOSE
    ecall
    li t0, 's'
    beq s0, t0, supply
1:  mv a0, s2
    la a1, buffer
    li a2, BUFFER_BYTES
    li a7, SYS_READ
    ecall
    blez a0, done
    li t0, 'd'
    beq s0, t0, 1b
    mv s3, a0
    la s4, buffer
2:  mv a0, s2
    mv a1, s4
    mv a2, s3
    li a7, SYS_WRITE
    ecall
    blez a0, done
    add s4, s4, a0
    sub s3, s3, a0
    bnez s3, 2b
    j 1b

supply:
    mv a0, s2
    la a1, buffer
    li a2, 8
    li a7, SYS_READ
    ecall
    li t0, 8
    bne a0, t0, done
    la t0, buffer
    ld s3, 0(t0)
3:  beqz s3, done
    mv a0, s2
    la a1, buffer
    li a2, BUFFER_BYTES
    bgeu s3, a2, 4f
    mv a2, s3
4:  li a7, SYS_WRITE
    ecall
    blez a0, done
    sub s3, s3, a0
    j 3b

done:
    li a0, 0
    li a7, SYS_EXIT
    ecall
fail:
    li a0, 1
    li a7, SYS_EXIT
    ecall

    .align 3
ignore_action:
    .dword 1, 0, 0, 0           # SIG_IGN
address:
    .byte 2, 0, 0, 0, 0, 0, 0, 0
    .dword 0
one:
    .word 1
    .align 12                   # code and what is written share no page, as in any program
buffer:
    .zero ${BUFFER_BYTES}
`;

export function linuxServer(): GuestImage {
  const { bytes } = assemble(SOURCE, { origin: LOAD_ADDRESS });
  const image = elf(bytes, { entry: LOAD_ADDRESS, loadAddress: LOAD_ADDRESS, user: true });
  return { name: 'linux-server', format: 'elf', bytes: image };
}
