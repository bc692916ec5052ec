/**
 * A file of one name that no other process has: the lock is the system's own, and ends with its process, however
 * that ends. Not here: what the file is for.
 */

/**
 * Opens a file, or makes it, and locks it. A file system without locks cannot tell that another process has it.
 *
 * @returns `null` if another process has it.
 * @throws the file system's own error if it refuses.
 */
export async function holdFile(path: string): Promise<Deno.FsFile | null> {
  while (true) {
    const file = await Deno.open(path, { read: true, write: true, create: true });
    const isHeld = await file.tryLock(true).catch(() => true);
    if (isHeld && await isAt(file, path)) return file;
    file.close();
    if (!isHeld) return null;
    // Its last owner moved or removed it between opening and locking.
  }
}

/** Whether an open file is the one at a path. */
export async function isAt(file: Deno.FsFile, path: string): Promise<boolean> {
  const { dev, ino } = await file.stat();
  return await Deno.lstat(path).then(
    (there) => there.dev === dev && there.ino === ino,
    () => false,
  );
}
