-- Health of kubernetes-client.io/ExternalSecret for Argo CD. docs/gitops.md says
-- how to install it. Argo CD runs it without Lua's string library.

local function health(status, message)
  return { status = status, message = message }
end

local annotations = obj.metadata.annotations or {}
local status = obj.status or {}

local function is_current(value, annotation)
  return (value or "") == (annotations[annotation] or "")
end

if obj.spec.backendType ~= "vault" then
  return health("Healthy", "of another backend: Countersign does not sync it")
end
if annotations["countersign.dev/suspend"] == "true" then
  return health("Suspended", "countersign.dev/suspend is true")
end

local ready
for _, condition in ipairs(status.conditions or {}) do
  if condition.type == "Ready" then
    ready = condition
  end
end
if ready == nil or ready.observedGeneration ~= obj.metadata.generation then
  return health("Progressing", "Countersign has not answered this change yet")
end

if ready.status == "True" then
  -- A resync changes no generation.
  if is_current(status.syncedStamp, "countersign.dev/stamped-at") and is_current(status.syncedResync, "countersign.dev/resync") then
    return health("Healthy", ready.message)
  end
  return health("Progressing", "the values are being read again")
end
-- An absent Vault comes back by itself; for all else somebody has to act.
if ready.reason == "VaultUnavailable" then
  return health("Progressing", ready.message)
end
return health("Degraded", ready.message)
