/**
 * The honeypot's own files: accounts, services and bait, around Debian's binaries. Everything here is text, so
 * that the initrd depends on nothing but this file and the packages.
 */
import type { CpioEntry } from '../cpio.ts';

/**
 * Honeypot accounts: `root`/`root` and `user`/`user`. The hashes are MD5-crypt, which costs the emulated PC little and
 * both busybox and dropbear understand.
 */
const passwordHash = {
  root: '$1$rebek86$Vd7QkIYx9eZgWSg4XRphy.',
  user: '$1$rebek86$LCmt65q4yxbmN9AlUolsv1',
} as const;

/** The guest's address in the emulator's user-mode network, and that network's router. */
const guestAddress = '192.168.86.100';
const routerAddress = '192.168.86.1';

/** Modules in the order of loading, for each NIC, by the PCI ids that sysfs shows. Paths below `kernel/`. */
const nics = [
  {
    vendor: '0x10ec',
    device: '0x8029',
    modules: ['drivers/net/ethernet/8390/8390.ko', 'drivers/net/ethernet/8390/ne2k-pci.ko'],
  },
  {
    vendor: '0x1af4',
    device: '0x1041',
    modules: [
      'net/core/failover.ko',
      'drivers/net/net_failover.ko',
      'drivers/virtio/virtio.ko',
      'drivers/virtio/virtio_ring.ko',
      'drivers/virtio/virtio_pci_modern_dev.ko',
      'drivers/virtio/virtio_pci_legacy_dev.ko',
      'drivers/virtio/virtio_pci.ko',
      'drivers/net/virtio_net.ko',
    ],
  },
] as const;

/** The kernel modules that go into the initrd, below `lib/modules/ABI/kernel/`. */
export const modulePaths: readonly string[] = nics.flatMap((nic) => nic.modules);

/** What the kernel starts: makes the file systems, then hands over to busybox's init. */
const init = `#!/bin/busybox sh
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
/bin/busybox mount -t proc proc /proc
/bin/busybox --install -s
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mount -t tmpfs -o mode=755 tmpfs /run
mount -t tmpfs -o mode=1777 tmpfs /tmp
for n in 1 2 3; do
  # Type 0 is "no UART here".
  if [ "$(cat /sys/class/tty/ttyS$n/type 2>/dev/null || echo 0)" != 0 ]; then
    echo "ttyS$n::respawn:/sbin/getty -L ttyS$n 115200 vt100" >> /etc/inittab
  fi
done
exec /sbin/init
`;

const startup = (abi: string): string => `#!/bin/sh
hostname -F /etc/hostname
: > /run/utmp
syslogd
cd /lib/modules/${abi}/kernel
for d in /sys/bus/pci/devices/*; do
  case "$(cat $d/vendor) $(cat $d/device)" in
${nics
  .map(
    ({ vendor, device, modules }) =>
      `  "${vendor} ${device}") for m in ${modules.join(' ')}; do insmod $m; done ;;`,
  )
  .join('\n')}
  esac
done
cd /
ip link set lo up
ip addr add 127.0.0.1/8 dev lo 2>/dev/null
if [ -e /sys/class/net/eth0 ]; then
  ip addr add ${guestAddress}/24 broadcast + dev eth0
  ip link set eth0 up
  ip route add default via ${routerAddress}
fi
telnetd -l /bin/login
httpd -h /var/www/html -p 80
dropbear -R
`;

const inittab = `::sysinit:/etc/init.d/rcS
ttyS0::respawn:/sbin/getty -L ttyS0 115200 vt100
::ctrlaltdel:/sbin/reboot
`;

const accounts: [name: string, uid: number, gid: number, home: string, shell: string][] = [
  ['root', 0, 0, '/root', '/bin/sh'],
  ['daemon', 1, 1, '/usr/sbin', '/usr/sbin/nologin'],
  ['www-data', 33, 33, '/var/www', '/usr/sbin/nologin'],
  ['backup', 34, 34, '/var/backups', '/usr/sbin/nologin'],
  ['nobody', 65534, 65534, '/nonexistent', '/usr/sbin/nologin'],
  ['user', 1000, 1000, '/home/user', '/bin/sh'],
];
const passwd = accounts.map(
  ([name, uid, gid, home, shell]) => `${name}:x:${uid}:${gid}:${name}:${home}:${shell}`,
);
const shadow = accounts.map(([name]) => {
  const hash = name === 'root' || name === 'user' ? passwordHash[name] : '*';
  return `${name}:${hash}:19700:0:99999:7:::`;
});
const group = [...accounts.map(([name, , gid]) => `${name}:x:${gid}:`), 'tty:x:5:', 'utmp:x:43:'];

const lines = (list: readonly string[]): string => `${list.join('\n')}\n`;

/** Bait: what an intruder looks for. No name, address or secret in it is real. */
const bait: Record<string, string> = {
  'root/.ash_history': lines([
    'tail -f /var/log/messages',
    'mysqldump -u shop -p shop > /var/backups/shop.sql',
    'scp /var/backups/shop.sql backup@192.168.86.20:',
    'vi /etc/hosts',
  ]),
  'root/TODO': lines([
    '- change the root password (still the default!)',
    '- move backups off this host',
    '- disable telnet',
  ]),
  'home/user/passwords.txt': lines([
    'webmail   user / Spring2024',
    'shop admin admin / hunter2',
    'router    admin / admin',
  ]),
  'home/user/notes.txt': lines(['Backup host is 192.168.86.20, same password as here.']),
  'var/backups/shop.sql': lines([
    '-- MySQL dump 10.19',
    'CREATE TABLE customers (id INT, name VARCHAR(64), card CHAR(19));',
    "INSERT INTO customers VALUES (1,'A. Example','4000 0000 0000 0002'),(2,'B. Example','4000 0000 0000 0069');",
  ]),
  'var/www/html/index.html': lines([
    '<!doctype html><title>Shop</title>',
    '<h1>It works!</h1>',
    '<p>Staff: <a href="/admin/">administration</a></p>',
  ]),
  'var/www/html/admin/index.html': lines(['<!doctype html><title>Admin</title><h1>Maintenance</h1>']),
};

const configuration: Record<string, string> = {
  'etc/hostname': 'shop\n',
  'etc/hosts': lines(['127.0.0.1 localhost shop', '192.168.86.20 backup']),
  'etc/resolv.conf': `nameserver ${routerAddress}\n`,
  'etc/nsswitch.conf': lines(['passwd: files', 'group: files', 'shadow: files', 'hosts: files dns']),
  'etc/passwd': lines(passwd),
  'etc/group': lines(group),
  'etc/shells': lines(['/bin/sh', '/bin/ash']),
  'etc/issue': 'Debian GNU/Linux 12 \\n \\l\n\n',
  'etc/issue.net': 'Debian GNU/Linux 12\n',
  'etc/debian_version': '12.12\n',
  'etc/os-release': lines([
    'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"',
    'NAME="Debian GNU/Linux"',
    'VERSION_ID="12"',
    'VERSION="12 (bookworm)"',
    'VERSION_CODENAME=bookworm',
    'ID=debian',
  ]),
  'etc/motd': lines([
    '',
    'Debian GNU/Linux comes with ABSOLUTELY NO WARRANTY, to the extent',
    'permitted by applicable law.',
    '',
  ]),
  'etc/profile': lines([
    "export PS1='\\u@\\h:\\w\\$ '",
    'export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  ]),
  'etc/inittab': inittab,
};

/** Everything but Debian's own files. @param abi the kernel's release, as `uname -r` says it */
export function honeypotFiles(abi: string): CpioEntry[] {
  const file = (name: string, text: string, mode = 0o644): CpioEntry => ({
    kind: 'file',
    name,
    mode,
    data: new TextEncoder().encode(text),
  });
  const texts = { ...configuration, ...bait };
  return [
    file('init', init, 0o755),
    file('etc/init.d/rcS', startup(abi), 0o755),
    file('etc/shadow', lines(shadow), 0o640),
    ...Object.entries(texts).map(([name, text]) => file(name, text)),
    ...['proc', 'sys', 'run', 'etc/dropbear', 'var/log', 'usr/bin', 'usr/sbin', 'sbin', 'mnt'].map(
      (name): CpioEntry => ({ kind: 'folder', name }),
    ),
    { kind: 'folder', name: 'root', mode: 0o700 },
    { kind: 'folder', name: 'tmp', mode: 0o1777 },
    { kind: 'link', name: 'var/run', target: '/run' },
    // Until devtmpfs is mounted: where the kernel and /init say what goes wrong.
    { kind: 'device', name: 'dev/console', major: 5, minor: 1 },
    { kind: 'device', name: 'dev/null', major: 1, minor: 3, mode: 0o666 },
  ];
}
