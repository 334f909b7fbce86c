//! What can happen in the contact centre.

/// Something that is going to happen. Numbers are ids of calls, chats and agents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Action {
    CallArrives,
    CallQueues(u64),
    CallLooksForAgent(u64),
    CallIsGivenUp(u64),
    OfferIsMissed(u64, u64),
    CallConnects(u64),
    HoldBegins(u64),
    HoldEnds(u64),
    CallIsTransferred(u64),
    CallEnds(u64),
    CallFails(u64),
    WrapUpEnds(u64, u64),
    CallIsRated(u64),
    VoicemailBegins(u64),
    VoicemailIsLeft(u64),
    VoicemailIsRead(u64),
    ChatArrives,
    ChatLooksForAgent(u64),
    ChatIsGivenUp(u64),
    ChatGoesOn(u64),
    ChatIsTransferred(u64),
    ChatEnds(u64),
    ChatExpires(u64),
    ChatFails(u64),
    ChatWrapUpEnds(u64, u64),
    ChatIsRated(u64),
    QueueChanges,
    TeamChanges,
    StatusChanges,
    AgentLogsIn(u64),
    AgentLogsOut(u64),
    BreakBegins(u64),
    BreakEnds(u64),
    RosterChanges,
    AgentIsHired,
    AgentLeaves,
}

/// The call or chat that an agent handles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Contact {
    Call(u64),
    Chat(u64),
}
