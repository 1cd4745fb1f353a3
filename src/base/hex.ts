/** Numbers as people read them. */

/** `0x0040a1c0`: an address, a register, a word of 32 bits, unsigned. */
export const hex32 = (value: number): string => `0x${value.toString(16).padStart(8, '0')}`;
