/** Control codes of devices and file systems. */
import type { Call } from './decode-call.ts';
import { counted, oneOf } from './decode-names.ts';
import { hex, named, type Shown } from './decode-shown.ts';

/** ntifs.h, ntddstor.h, ntddser.h: those that programs meet. */
const KNOWN = oneOf(`
  0x110000=FSCTL_PIPE_ASSIGN_EVENT 0x110004=FSCTL_PIPE_DISCONNECT 0x110008=FSCTL_PIPE_LISTEN
  0x11400c=FSCTL_PIPE_PEEK 0x110010=FSCTL_PIPE_QUERY_EVENT 0x11c017=FSCTL_PIPE_TRANSCEIVE 0x110018=FSCTL_PIPE_WAIT
  0x11001c=FSCTL_PIPE_IMPERSONATE 0x90018=FSCTL_LOCK_VOLUME 0x9001c=FSCTL_UNLOCK_VOLUME
  0x90020=FSCTL_DISMOUNT_VOLUME 0x90028=FSCTL_IS_VOLUME_MOUNTED 0x9003c=FSCTL_GET_COMPRESSION
  0x9c040=FSCTL_SET_COMPRESSION 0x900a4=FSCTL_SET_REPARSE_POINT 0x900a8=FSCTL_GET_REPARSE_POINT
  0x900c4=FSCTL_SET_SPARSE 0x70000=IOCTL_DISK_GET_DRIVE_GEOMETRY 0x74004=IOCTL_DISK_GET_PARTITION_INFO
  0x7405c=IOCTL_DISK_GET_LENGTH_INFO 0x2d1080=IOCTL_STORAGE_GET_DEVICE_NUMBER
  0x2d1400=IOCTL_STORAGE_QUERY_PROPERTY 0x4d0008=IOCTL_MOUNTDEV_QUERY_DEVICE_NAME
  0x6d0030=IOCTL_MOUNTMGR_QUERY_POINTS 0x390008=IOCTL_KSEC_RNG`);

/** FILE_DEVICE_… of devioctl.h. */
const DEVICE = counted(
  1,
  `BEEP CD_ROM CD_ROM_FILE_SYSTEM CONTROLLER DATALINK DFS DISK DISK_FILE_SYSTEM FILE_SYSTEM INPORT_PORT KEYBOARD
  MAILSLOT MIDI_IN MIDI_OUT MOUSE MULTI_UNC_PROVIDER NAMED_PIPE NETWORK NETWORK_BROWSER NETWORK_FILE_SYSTEM NULL
  PARALLEL_PORT PHYSICAL_NETCARD PRINTER SCANNER SERIAL_MOUSE_PORT SERIAL_PORT SCREEN SOUND STREAMS TAPE
  TAPE_FILE_SYSTEM TRANSPORT UNKNOWN VIDEO VIRTUAL_DISK WAVE_IN WAVE_OUT 8042_PORT NETWORK_REDIRECTOR BATTERY
  BUS_EXTENDER MODEM VDM MASS_STORAGE SMB KS CHANGER SMARTCARD ACPI DVD FULLSCREEN_VIDEO DFS_FILE_SYSTEM DFS_VOLUME
  SERENUM TERMSRV KSEC FIPS`,
  'FILE_DEVICE_',
);
const METHOD = counted(0, 'BUFFERED IN_DIRECT OUT_DIRECT NEITHER', 'METHOD_');
const ACCESS = counted(
  0,
  'FILE_ANY_ACCESS FILE_READ_ACCESS FILE_WRITE_ACCESS FILE_READ_ACCESS|FILE_WRITE_ACCESS',
);

/** What sockets are made of: FSCTL_AFD_BASE of ReactOS's afd/shared.h. Its codes are not those of CTL_CODE. */
const AFD_BASE = 0x12;
const AFD = counted(
  0,
  `BIND CONNECT START_LISTEN WAIT_FOR_LISTEN ACCEPT RECV RECV_DATAGRAM SEND SEND_DATAGRAM SELECT DISCONNECT
  GET_SOCK_NAME GET_PEER_NAME GET_TDI_HANDLES SET_INFO GET_CONTEXT_SIZE GET_CONTEXT SET_CONTEXT`,
  'IOCTL_AFD_',
);

/** A code's name, or what CTL_CODE makes it of: device type, access, function and method. */
export function controlCode(call: Call, code: number): Shown {
  const handle = call.word('FileHandle');
  const device = handle === undefined ? undefined : call.object(handle)?.name;
  if (device !== undefined && /^\\Device\\Afd(\\|$)/i.test(device) && code >>> 12 === AFD_BASE) {
    const name = AFD((code >>> 2) & 0x3ff);
    if (!name.text.startsWith('0x')) return name;
  }
  const known = KNOWN(code);
  if (!known.text.startsWith('0x')) return known;
  const parts = {
    code,
    device: DEVICE(code >>> 16).text,
    function: hex((code >>> 2) & 0xfff),
    method: METHOD(code & 3).text,
    access: ACCESS((code >>> 14) & 3).text,
  };
  const { text } = named(
    `${hex(code)} (${parts.device}, ${parts.function}, ${parts.method}, ${parts.access})`,
  );
  return { text, value: parts };
}
