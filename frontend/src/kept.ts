/** What this browser keeps of its user's choices. Where it keeps nothing, they hold for as long as the page does. */

export function recall(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

/** null: the choice is what it was at first. */
export function remember(name: string, text: string | null): void {
  try {
    if (text === null) localStorage.removeItem(name);
    else localStorage.setItem(name, text);
  } catch {
    // Its user does not let sites keep anything.
  }
}
