/** Whether the desk is unlocked in this tab: all that the rest of the application knows of it. */

import { Store } from "./store";

export const presence = new Store<{ open: boolean; lock: () => void }>({ open: false, lock: () => undefined });
