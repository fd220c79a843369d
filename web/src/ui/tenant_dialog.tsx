import { useState } from "preact/hooks";
import { Dialog } from "./dialog.tsx";

interface Props {
  tenant: string;
  /** True when the server refused the last call for want of a tenant. */
  required: boolean;
  onSave(tenant: string): void;
  onClose(): void;
}

export function TenantDialog({ tenant, required, onSave, onClose }: Props) {
  const [text, setText] = useState(tenant);
  return (
    <Dialog title="Tenant" onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          onSave(text.trim());
        }}
      >
        <p>
          {required
            ? "This server keeps the data of several tenants apart. Name the one to look at."
            : "Sent as X-Scope-OrgID with each query. Leave empty on a server with a single tenant."}
        </p>
        <label class="field">
          Tenant id
          <input value={text} autofocus spellcheck={false} onInput={(event) => setText(event.currentTarget.value)} />
        </label>
        <div class="dialog-actions">
          <button type="submit" class="primary">
            Use this tenant
          </button>
        </div>
      </form>
    </Dialog>
  );
}
