/** ioctl(2): requests by name, and the arguments of those on terminals and network interfaces. */
import { inet4, netShort, socketAddress } from './addresses.ts';
import type { Call, CallDecoder } from './call.ts';
import { flags, named } from './constants.ts';
import { IOCTL_NAMES } from './ioctl-names.ts';
import { fixedString } from './processes.ts';
import { Structure } from './reader.ts';
import {
  address,
  decimal,
  type Field,
  hexadecimal,
  hexText,
  number,
  pointee,
  type Shown,
  structure,
} from './shown.ts';

const NAMES = new Map<number, string>();
{
  const words = IOCTL_NAMES.trim().split(/\s+/);
  for (let i = 0; i + 1 < words.length; i += 2) {
    NAMES.set(Number(words[i]), words[i + 1]!.replaceAll('|', ' or '));
  }
}

const DIRECTIONS = ['_IOC_NONE', '_IOC_WRITE', '_IOC_READ', '_IOC_READ|_IOC_WRITE'];

/** The name of a request, or its parts (include/uapi/asm-generic/ioctl.h). */
function request(word: number): Shown {
  const name = NAMES.get(word);
  if (name !== undefined) return { text: name, value: word };
  const parts = [(word >>> 8) & 0xff, word & 0xff, (word >>> 16) & 0x3fff].map(hexText);
  return { text: `_IOC(${DIRECTIONS[word >>> 30]}, ${parts.join(', ')})`, value: word };
}

const inputFlags = flags('term_iflags');
const outputFlags = flags('term_oflags');
const controlFlags = flags('term_cflags');
const localFlags = flags('term_lflags');
const modemFlags = flags('modem_flags');
const baud = named('baud_options');
const characterSize = named('term_cflags_csize');
const flow = named('tcxonc_options');
const flush = named('tcflsh_options');

const DELAYS = [
  ['term_oflags_nldly', 0x100],
  ['term_oflags_crdly', 0x600],
  ['term_oflags_tabdly', 0x1800],
  ['term_oflags_bsdly', 0x2000],
  ['term_oflags_vtdly', 0x4000],
  ['term_oflags_ffdly', 0x8000],
] as const;
const delayNames = DELAYS.map(([table, mask]) => [named(table), mask] as const);
const ALL_DELAYS = 0xff00;
const CBAUD = 0x100f;
const CIBAUD = 0x100f0000;
const CSIZE = 0x30;

function outputModes(word: number): Shown {
  const parts = delayNames.map(([name, mask]) => name(word & mask).text);
  return { text: [...parts, outputFlags((word & ~ALL_DELAYS) >>> 0).text].join('|'), value: word };
}

function controlModes(word: number): Shown {
  const parts = [baud(word & CBAUD).text];
  if (word & CIBAUD) parts.push(`${baud((word & CIBAUD) >>> 16).text}<<IBSHIFT`);
  parts.push(characterSize(word & CSIZE).text, controlFlags((word & ~(CBAUD | CIBAUD | CSIZE)) >>> 0).text);
  return { text: parts.join('|'), value: word };
}

/** `struct termio` has 16-bit words. */
function terminal(s: Structure, bytes: 2 | 4): Shown {
  const word = (i: number): number => (bytes === 2 ? s.u16(2 * i) : s.u32(4 * i));
  return structure(
    [
      ['c_iflag', inputFlags(word(0))],
      ['c_oflag', outputModes(word(1))],
      ['c_cflag', controlModes(word(2))],
      ['c_lflag', localFlags(word(3))],
    ],
    true,
  );
}

type Shows = (call: Call, word: number) => Shown;

const termios: Shows = (call, word) => call.at(word, 36, (s) => terminal(s, 4));
const termios2: Shows = (call, word) => call.at(word, 44, (s) => terminal(s, 4));
const termio: Shows = (call, word) => call.at(word, 18, (s) => terminal(s, 2));
const integer: Shows = (call, word) => call.at(word, 4, (s) => pointee(decimal(s.u32(0))));
const unsigned: Shows = (call, word) => call.at(word, 4, (s) => pointee(number(s.u32(0))));
const wide: Shows = (call, word) => call.at(word, 8, (s) => pointee(number(s.u64(0))));
const modem: Shows = (call, word) => call.at(word, 4, (s) => pointee(modemFlags(s.u32(0))));
const plainInteger: Shows = (_, word) => decimal(word);
const character: Shows = (call, word) => call.data(word, 1);
const window: Shows = (call, word) =>
  call.at(word, 8, (s) =>
    structure(
      ['ws_row', 'ws_col', 'ws_xpixel', 'ws_ypixel'].map((name, i): Field => [name, number(s.u16(2 * i))]),
    ),
  );

/** Requests whose argument the program gives; those that have none. */
const GIVEN = new Map<number, Shows | undefined>();
/** Requests whose argument the kernel fills in. */
const FILLED = new Map<number, Shows>();

function put<S>(into: Map<number, S>, shows: S, names: string): void {
  const wanted = names.split(' ');
  for (const [word, name] of NAMES) {
    if (name.split(' or ').some((one) => wanted.includes(one))) into.set(word, shows);
  }
}

put(GIVEN, termios, 'TCSETS TCSETSW TCSETSF TIOCSLCKTRMIOS');
put(FILLED, termios, 'TCGETS TIOCGLCKTRMIOS');
put(GIVEN, termios2, 'TCSETS2 TCSETSW2 TCSETSF2');
put(FILLED, termios2, 'TCGETS2');
put(GIVEN, termio, 'TCSETA TCSETAW TCSETAF');
put(FILLED, termio, 'TCGETA');
put(GIVEN, window, 'TIOCSWINSZ');
put(FILLED, window, 'TIOCGWINSZ');
put(GIVEN, (_, word) => flow(word), 'TCXONC');
put(GIVEN, (_, word) => flush(word), 'TCFLSH');
put(GIVEN, plainInteger, 'TCSBRK TCSBRKP TIOCSCTTY');
put(GIVEN, modem, 'TIOCMBIS TIOCMBIC TIOCMSET');
put(FILLED, modem, 'TIOCMGET');
put(
  GIVEN,
  integer,
  'TIOCSPGRP TIOCSETD FIONBIO FIOASYNC TIOCPKT TIOCSSOFTCAR TIOCSPTLCK FIOSETOWN SIOCSPGRP',
);
put(
  FILLED,
  integer,
  'TIOCGPGRP TIOCGSID TIOCGETD TIOCGSOFTCAR TIOCGPTN FIONREAD TIOCOUTQ TIOCGEXCL TIOCGDEV FIOGETOWN SIOCATMARK SIOCGPGRP RNDGETENTCNT BLKROGET BLKBSZGET BLKSSZGET BLKALIGNOFF',
);
put(GIVEN, integer, 'RNDADDTOENTCNT BLKROSET BLKBSZSET');
put(FILLED, unsigned, 'BLKPBSZGET BLKIOMIN BLKIOOPT BLKDISCARDZEROES BLKRAGET BLKFRAGET BLKGETSIZE');
put(FILLED, wide, 'BLKGETSIZE64');
put(GIVEN, character, 'TIOCSTI');
put(
  GIVEN,
  undefined,
  'TIOCSBRK TIOCCBRK TIOCCONS TIOCNOTTY TIOCEXCL TIOCNXCL FIOCLEX FIONCLEX TIOCVHANGUP TIOCSSERIAL RNDZAPENTCNT RNDCLEARPOOL RNDRESEEDCRNG BLKRRPART BLKFLSBUF BLKTRACESTART BLKTRACESTOP BLKTRACETEARDOWN FIFREEZE FITHAW',
);

const interfaceFlags = flags('iffflags');
const hardware = named('arp_hardware_types');

/** `struct ifreq` of i386: 16 bytes of name, then a union of 16. */
const REQUEST_BYTES = 32;

function socketAddressOf(s: Structure): Shown {
  return socketAddress(new Structure(s.bytes.subarray(16, 32)), 16);
}

function hardwareAddress(s: Structure): Shown {
  const family = s.u16(16);
  const length = family === 1 || family === 772 ? 6 : 14;
  const bytes = Array.from({ length }, (_, i) =>
    s
      .u8(18 + i)
      .toString(16)
      .padStart(2, '0'),
  );
  return structure([
    ['sa_family', hardware(family)],
    ['sa_data', { text: bytes.join(':'), value: bytes.join(':') }],
  ]);
}

type InRequest = readonly [name: string, show: (s: Structure) => Shown];

/** The member of the union, by the number of the request that gets it and of the one that sets it. */
const REQUESTS: readonly (readonly [numbers: readonly [get: number, set: number], InRequest])[] = [
  [
    [0x8915, 0x8916],
    ['ifr_addr', socketAddressOf],
  ],
  [
    [0x8917, 0x8918],
    ['ifr_dstaddr', socketAddressOf],
  ],
  [
    [0x8919, 0x891a],
    ['ifr_broadaddr', socketAddressOf],
  ],
  [
    [0x891b, 0x891c],
    ['ifr_netmask', socketAddressOf],
  ],
  [
    [0x8927, 0x8924],
    ['ifr_hwaddr', hardwareAddress],
  ],
  [
    [0x8913, 0x8914],
    ['ifr_flags', (s) => interfaceFlags(s.u16(16))],
  ],
  [
    [0x8933, 0],
    ['ifr_ifindex', (s) => decimal(s.u32(16))],
  ],
  [
    [0x891d, 0x891e],
    ['ifr_metric', (s) => decimal(s.u32(16))],
  ],
  [
    [0x8921, 0x8922],
    ['ifr_mtu', (s) => decimal(s.u32(16))],
  ],
  [
    [0x8942, 0x8943],
    ['ifr_qlen', (s) => decimal(s.u32(16))],
  ],
];
const GETTING = new Map(REQUESTS.map(([[get], member]) => [get, member]));
const SETTING = new Map(REQUESTS.filter(([[, set]]) => set !== 0).map(([[, set], member]) => [set, member]));
const SIOCGIFCONF = 0x8912;
const SIOCGIFNAME = 0x8910;

function interfaceName(s: Structure): Field {
  return ['ifr_name', fixedString(s.bytes.subarray(0, 16))];
}

/** What was given and what came back, in one pair of braces. */
function gotten(call: Call, at: number, code: number): Shown {
  const before = call.kept['interface'];
  if (typeof before !== 'string') return address(at);
  const member = GETTING.get(code);
  const s = call.read(at, REQUEST_BYTES);
  if (s === undefined) return { text: `{${before}}`, value: before };
  const [name, show]: InRequest = member ?? ['ifr_name', () => fixedString(s.bytes.subarray(0, 16))];
  const shown = show(s);
  return { text: `{${before}, ${name}=${shown.text}}`, value: { request: before, [name]: shown.value } };
}

function keepInterface(call: Call, at: number, code: number): void {
  const s = at === 0 ? undefined : call.reader.structure(at, REQUEST_BYTES);
  if (s === undefined) return;
  const [name, shown] =
    code === SIOCGIFNAME ? (['ifr_ifindex', decimal(s.u32(16))] as Field) : interfaceName(s);
  call.kept['interface'] = `${name}=${shown.text}`;
}

/** The list of interfaces: how long the buffer was, and the addresses in it. */
function interfaces(call: Call, at: number): Shown {
  const before = call.kept['length'];
  const now = call.reader.structure(at, 8);
  if (at === 0 || typeof before !== 'number' || now === undefined) return address(at);
  const buffer = now.u32(4);
  const size = now.i32(0);
  const count = Math.floor(size / REQUEST_BYTES);
  const times = size > 0 && size % REQUEST_BYTES === 0 ? ` /* ${count} * sizeof(struct ifreq) */` : '';
  const length = `${size}${times}`;
  const earlier =
    before > 0 && before % REQUEST_BYTES === 0
      ? ` /* ${before / REQUEST_BYTES} * sizeof(struct ifreq) */`
      : '';
  const changed = buffer !== 0 && before !== size ? `${before}${earlier} => ${length}` : length;
  const items: string[] = [];
  const values: Record<string, string>[] = [];
  for (let i = 0; !call.failed && buffer !== 0 && i < Math.min(count, call.limits.text); i++) {
    const s = call.reader.structure(buffer + REQUEST_BYTES * i, REQUEST_BYTES);
    if (s === undefined) break;
    items.push(structure([interfaceName(s), ['ifr_addr', socketAddressOf(s)]]).text);
    values.push({
      name: String(interfaceName(s)[1].value),
      address: inet4(s, 20),
      port: String(netShort(s, 18)),
    });
  }
  const list = call.failed || buffer === 0 ? address(buffer).text : `[${items.join(', ')}]`;
  return { text: `{ifc_len=${changed}, ifc_buf=${list}}`, value: { ifc_len: size, interfaces: values } };
}

const ioctl: CallDecoder = (call) => {
  const code = call.word(1);
  const word = call.word(2);
  const gets = GETTING.has(code) || code === SIOCGIFNAME;
  const argument = (shown: Shown | undefined): void => call.show('arg', 'unsigned long', shown);
  if (!call.entering) {
    const filled = FILLED.get(code);
    if (filled !== undefined) argument(filled(call, word));
    else if (gets) argument(gotten(call, word, code));
    else if (code === SIOCGIFCONF) argument(interfaces(call, word));
    return;
  }
  call.show('fd', 'unsigned int', decimal(call.word(0)));
  call.show('cmd', 'unsigned int', request(code));
  if (FILLED.has(code)) return;
  if (gets) {
    keepInterface(call, word, code);
    return;
  }
  if (code === SIOCGIFCONF) {
    const length = word === 0 ? undefined : call.reader.u32(word);
    if (length !== undefined) call.kept['length'] = length | 0;
    return;
  }
  const setting = SETTING.get(code);
  if (setting !== undefined) {
    const [name, show] = setting;
    argument(call.at(word, REQUEST_BYTES, (s) => structure([interfaceName(s), [name, show(s)]])));
  } else if (GIVEN.has(code)) argument(GIVEN.get(code)?.(call, word));
  else argument(hexadecimal(word));
};

export const ioctlCalls: Readonly<Record<string, CallDecoder>> = { ioctl };
