/**
 * Put text on the clipboard; resolves to whether that worked.
 *
 * `navigator.clipboard` exists only where the page came over https or from this machine, and a
 * policy may refuse it; the old command works on plain http too, while a click is handled. It
 * needs an element with the focus, which a dialog takes from everything outside: `within` it then.
 */
export async function copyText(
  text: string,
  within: HTMLElement = document.body
): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyByCommand(text, within);
  }
}

function copyByCommand(text: string, within: HTMLElement): boolean {
  const area = document.createElement('textarea');
  const focused = document.activeElement;
  area.value = text;
  area.readOnly = true;
  area.style.position = 'fixed';
  area.style.opacity = '0';
  within.appendChild(area);
  area.select();
  try {
    return document.execCommand('copy');
  } catch {
    return false;
  } finally {
    area.remove();
    if (focused instanceof HTMLElement) {
      focused.focus();
    }
  }
}
