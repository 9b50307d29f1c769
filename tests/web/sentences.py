"""Every sentence about what went wrong, as it must read in English and in German."""

from __future__ import annotations

from ayrix_foundation.database import DatabaseFault
from ayrix_protocol.lease import Counted
from ayrix_protocol.problems import ProblemCode
from ayrix_web.domain.errors import FaultKind
from ayrix_web.domain.license import Reason
from ayrix_web.domain.order import OrderStage

REASON_TITLES = {
    Reason.NEVER_ACTIVATED: (
        "This system is not activated yet",
        "Dieses System ist noch nicht aktiviert",
    ),
    Reason.UNREACHABLE: (
        "License server not reachable",
        "Lizenzserver nicht erreichbar",
    ),
    Reason.SERVER_ERROR: (
        "License server reports an error",
        "Lizenzserver meldet einen Fehler",
    ),
    Reason.IP_MISMATCH: (
        "The IP address changed",
        "Die IP-Adresse hat sich geändert",
    ),
    Reason.HARDWARE_MISMATCH: (
        "The hardware changed",
        "Die Hardware hat sich geändert",
    ),
    Reason.SUSPENDED: (
        "The license is suspended",
        "Die Lizenz ist gesperrt",
    ),
    Reason.REVOKED: (
        "The license was revoked",
        "Die Lizenz wurde widerrufen",
    ),
    Reason.CLOCK_BEHIND: (
        "The clock is behind",
        "Die Uhr geht nach",
    ),
    Reason.CLOCK_AHEAD: (
        "The clock is ahead",
        "Die Uhr geht vor",
    ),
    Reason.CLONE_SUSPECTED: (
        "Two machines use this license",
        "Zwei Geräte verwenden diese Lizenz",
    ),
    Reason.STATE_DAMAGED: (
        "The license data is damaged",
        "Die Lizenzdaten sind beschädigt",
    ),
}
"""Headings."""

REASON_TEXTS = {
    Reason.NEVER_ACTIVATED: (
        "No license was ever activated on this system. Enter the activation key. If you have "
        "none, ask Example Reseller.",
        "Auf diesem System wurde noch nie eine Lizenz aktiviert. Geben Sie den "
        "Aktivierungsschlüssel ein. Wenn Sie keinen haben, fragen Sie Example Reseller.",
    ),
    Reason.UNREACHABLE: (
        "The license server license.example.test:443 gave no answer. Check the internet "
        "connection and the firewall. If both work, ask the Customer Service Center.",
        "Der Lizenzserver license.example.test:443 hat nicht geantwortet. Prüfen Sie die "
        "Internetverbindung und die Firewall. Wenn beides funktioniert, fragen Sie das Customer"
        " Service Center.",
    ),
    Reason.SERVER_ERROR: (
        "license.example.test:443 answered, but not as a license server does. Usually this "
        "passes by itself. If it lasts, ask the Customer Service Center.",
        "license.example.test:443 hat geantwortet, aber nicht wie ein Lizenzserver. Meist gibt "
        "sich das von selbst. Wenn es anhält, fragen Sie das Customer Service Center.",
    ),
    Reason.IP_MISMATCH: (
        "This system uses 192.168.10.77, the license is bound to 192.168.10.20. Put the address"
        " 192.168.10.20 back, or let an administrator ask Example Reseller to move the license."
        " An address of the last 30 days is taken back by itself.",
        "Dieses System verwendet 192.168.10.77, die Lizenz ist an 192.168.10.20 gebunden. "
        "Stellen Sie die Adresse 192.168.10.20 wieder her, oder ein Administrator bittet Example"
        " Reseller, die Lizenz umzuziehen. Eine Adresse der letzten 30 Tage wird von selbst "
        "wieder angenommen.",
    ),
    Reason.HARDWARE_MISMATCH: (
        "The license is bound to other hardware. Changed: NIC serial (now d4:ae:…:22). Check "
        "again: for up to 7 days the license may run on here. Request the replacement from "
        "Example Reseller.",
        "Die Lizenz ist an andere Hardware gebunden. Geändert: Seriennummer der Netzwerkkarte "
        "(jetzt d4:ae:…:22). Prüfen Sie erneut: Bis zu 7 Tage kann die Lizenz hier weiterlaufen."
        " Bitten Sie Example Reseller um den Hardwaretausch.",
    ),
    Reason.SUSPENDED: (
        "The license server renews this license no longer until it is resumed. Ask the Customer"
        " Service Center why, and what resumes it.",
        "Der Lizenzserver verlängert diese Lizenz nicht mehr, bis sie wieder freigegeben ist. "
        "Fragen Sie das Customer Service Center nach dem Grund und nach der Freigabe.",
    ),
    Reason.REVOKED: (
        "The license server ended this license for good. Ask the Customer Service Center why. "
        "If you have a new activation key, enter it.",
        "Der Lizenzserver hat diese Lizenz endgültig beendet. Fragen Sie das Customer Service "
        "Center nach dem Grund. Wenn Sie einen neuen Aktivierungsschlüssel haben, geben Sie ihn"
        " ein.",
    ),
    Reason.CLOCK_BEHIND: (
        "The clock of this system is behind the time of the license server. The next answer of "
        "the license server heals this: set the time and check again. If that does not help, "
        "ask the Customer Service Center.",
        "Die Uhr dieses Systems geht gegenüber der Zeit des Lizenzservers nach. Die nächste "
        "Antwort des Lizenzservers behebt das: Stellen Sie die Uhr und prüfen Sie erneut. Wenn "
        "das nicht hilft, fragen Sie das Customer Service Center.",
    ),
    Reason.CLOCK_AHEAD: (
        "The clock of this system is ahead of the time of the license server. The next answer "
        "of the license server heals this: set the time right and check again. If that does not"
        " help, ask the Customer Service Center.",
        "Die Uhr dieses Systems geht gegenüber der Zeit des Lizenzservers vor. Die nächste "
        "Antwort des Lizenzservers behebt das: Stellen Sie die Uhr richtig und prüfen Sie "
        "erneut. Wenn das nicht hilft, fragen Sie das Customer Service Center.",
    ),
    Reason.CLONE_SUSPECTED: (
        "Another machine speaks to the license server in the name of this system. Enter the "
        "activation key on the right machine, the other one is shut out then. If you know of no"
        " copy, ask the Customer Service Center.",
        "Ein anderes Gerät spricht im Namen dieses Systems mit dem Lizenzserver. Geben Sie den "
        "Aktivierungsschlüssel auf dem richtigen Gerät ein, das andere wird dann "
        "ausgeschlossen. Wenn Sie von keiner Kopie wissen, fragen Sie das Customer Service "
        "Center.",
    ),
    Reason.STATE_DAMAGED: (
        "What this system had stored of its license is missing or was changed. Enter the "
        "activation key again. If that does not help, ask the Customer Service Center.",
        "Was dieses System von seiner Lizenz gespeichert hatte, fehlt oder wurde verändert. "
        "Geben Sie den Aktivierungsschlüssel erneut ein. Wenn das nicht hilft, fragen Sie das "
        "Customer Service Center.",
    ),
}
"""On a system at 192.168.10.77 whose NIC was changed."""

REFUSALS = {
    ProblemCode.UNKNOWN_KEY: (
        "The license server does not know this activation key. Compare it with your license "
        "document, or ask your reseller.",
        "Der Lizenzserver kennt diesen Aktivierungsschlüssel nicht. Vergleichen Sie ihn mit "
        "Ihrem Lizenzdokument, oder fragen Sie Ihren Händler.",
    ),
    ProblemCode.UNKNOWN_FEATURE: (
        "This feature cannot be ordered for this system.",
        "Diese Funktion kann für dieses System nicht bestellt werden.",
    ),
    ProblemCode.NOT_FOUND: (
        "The license server does not know what was asked for.",
        "Der Lizenzserver kennt nicht, wonach gefragt wurde.",
    ),
    ProblemCode.METHOD_NOT_ALLOWED: (
        "The license server does not offer this. Perhaps it is older than this system.",
        "Der Lizenzserver bietet das nicht an. Vielleicht ist er älter als dieses System.",
    ),
    ProblemCode.BOUND_ELSEWHERE: (
        "This activation key is in use on another machine. Ask your reseller to move the license.",
        "Dieser Aktivierungsschlüssel wird auf einem anderen Gerät verwendet. Bitten Sie Ihren "
        "Händler, die Lizenz umzuziehen.",
    ),
    ProblemCode.HARDWARE_MISMATCH: (
        "The license is bound to other hardware. Ask your reseller for a replacement.",
        "Die Lizenz ist an andere Hardware gebunden. Bitten Sie Ihren Händler um einen "
        "Hardwaretausch.",
    ),
    ProblemCode.IP_MISMATCH: (
        "The license is bound to another IP address. Put the address back, or ask your reseller"
        " to move the license.",
        "Die Lizenz ist an eine andere IP-Adresse gebunden. Stellen Sie die Adresse zurück, "
        "oder bitten Sie Ihren Händler, die Lizenz umzuziehen.",
    ),
    ProblemCode.PRICE_CHANGED: (
        "The price changed. Please confirm again.",
        "Der Preis hat sich geändert. Bitte erneut bestätigen.",
    ),
    ProblemCode.NOT_CANCELLABLE: (
        "The order is already completed and can no longer be cancelled here. Ask your reseller.",
        "Die Bestellung ist bereits abgeschlossen und kann hier nicht mehr storniert werden. "
        "Fragen Sie Ihren Händler.",
    ),
    ProblemCode.SUSPENDED: (
        "This license is suspended. Ask the Customer Service Center why, and what resumes it.",
        "Diese Lizenz ist gesperrt. Fragen Sie das Customer Service Center nach dem Grund und "
        "nach der Freigabe.",
    ),
    ProblemCode.REVOKED: (
        "This license was revoked. Ask the Customer Service Center for a new one.",
        "Diese Lizenz wurde widerrufen. Fragen Sie das Customer Service Center nach einer neuen.",
    ),
    ProblemCode.CLONE_SUSPECTED: (
        "Two machines use this license. Enter the activation key on the right one.",
        "Zwei Geräte verwenden diese Lizenz. Geben Sie den Aktivierungsschlüssel auf dem "
        "richtigen ein.",
    ),
    ProblemCode.UPGRADE_NOT_AVAILABLE: (
        "Your reseller has not released this for your system. Ask your reseller.",
        "Ihr Händler hat das für Ihr System nicht freigegeben. Fragen Sie Ihren Händler.",
    ),
    ProblemCode.INVALID: (
        "The license server did not accept the request. Ask the Customer Service Center.",
        "Der Lizenzserver hat die Anfrage nicht angenommen. Fragen Sie das Customer Service "
        "Center.",
    ),
    ProblemCode.INVALID_QUANTITY: (
        "This quantity cannot be ordered.",
        "Diese Menge kann nicht bestellt werden.",
    ),
    ProblemCode.IDEMPOTENCY_CONFLICT: (
        "This order was sent before with other contents. Nothing was ordered; please start again.",
        "Diese Bestellung wurde schon einmal mit anderem Inhalt gesendet. Es wurde nichts "
        "bestellt; bitte beginnen Sie neu.",
    ),
    ProblemCode.INVALID_PROOF: (
        "The license server did not accept the signature of this system. Enter the activation "
        "key again.",
        "Der Lizenzserver hat die Signatur dieses Systems nicht angenommen. Geben Sie den "
        "Aktivierungsschlüssel erneut ein.",
    ),
    ProblemCode.UNKNOWN_INSTALLATION: (
        "The license server does not know this system. Enter the activation key again.",
        "Der Lizenzserver kennt dieses System nicht. Geben Sie den Aktivierungsschlüssel erneut"
        " ein.",
    ),
    ProblemCode.COUNTER_BEHIND: (
        "The license server expects a newer request. Please try again.",
        "Der Lizenzserver erwartet eine neuere Anfrage. Bitte versuchen Sie es erneut.",
    ),
    ProblemCode.PROVE_ALIVE: (
        "The license server asks the other machine first. Please try again in a few minutes.",
        "Der Lizenzserver fragt zuerst das andere Gerät. Bitte versuchen Sie es in einigen "
        "Minuten erneut.",
    ),
    ProblemCode.TOO_LARGE: (
        "The request was too large for the license server.",
        "Die Anfrage war zu groß für den Lizenzserver.",
    ),
    ProblemCode.TOO_MANY_REQUESTS: (
        "The license server got too many requests. Please try again in a few minutes.",
        "Der Lizenzserver hat zu viele Anfragen erhalten. Bitte versuchen Sie es in einigen "
        "Minuten erneut.",
    ),
    ProblemCode.SERVER_ERROR: (
        "The license server has a fault of its own. Please try again later.",
        "Der Lizenzserver hat selbst eine Störung. Bitte versuchen Sie es später erneut.",
    ),
    ProblemCode.BUSY: (
        "The license server is busy. Please try again in a moment.",
        "Der Lizenzserver ist ausgelastet. Bitte versuchen Sie es gleich noch einmal.",
    ),
}
"""What the license server says no to."""

FAULTS = {
    FaultKind.NAME_RESOLUTION: (
        "The name of the license server could not be resolved. Check the DNS settings.",
        "Der Name des Lizenzservers konnte nicht aufgelöst werden. Prüfen Sie die DNS-"
        "Einstellungen.",
    ),
    FaultKind.CONNECTION: (
        "The license server is not reachable. Check the internet connection and the firewall.",
        "Der Lizenzserver ist nicht erreichbar. Prüfen Sie die Internetverbindung und die "
        "Firewall.",
    ),
    FaultKind.CERTIFICATE: (
        "The connection to the license server is not secure: its certificate was not accepted. "
        "Check the proxy settings and the time of this system.",
        "Die Verbindung zum Lizenzserver ist nicht sicher: Sein Zertifikat wurde nicht "
        "angenommen. Prüfen Sie die Proxy-Einstellungen und die Uhrzeit dieses Systems.",
    ),
    FaultKind.TIMEOUT: (
        "The license server took too long to answer. Please try again in a moment.",
        "Der Lizenzserver hat zu lange nicht geantwortet. Bitte versuchen Sie es gleich noch "
        "einmal.",
    ),
    FaultKind.SERVER_ERROR: (
        "The answer did not come from the license server, or it has a fault. Check whether a "
        "proxy or a login page of the network answers in its place.",
        "Die Antwort kam nicht vom Lizenzserver, oder er hat eine Störung. Prüfen Sie, ob ein "
        "Proxy oder eine Anmeldeseite des Netzwerks an seiner Stelle antwortet.",
    ),
    FaultKind.UNTRUSTED: (
        "The answer of the license server is not signed by the vendor and was not used. Ask the"
        " Customer Service Center.",
        "Die Antwort des Lizenzservers ist nicht vom Hersteller signiert und wurde nicht "
        "verwendet. Fragen Sie das Customer Service Center.",
    ),
    FaultKind.SERVER_BUSY: (
        "The license server is busy and asked to come again later. Please try again in a few "
        "minutes.",
        "Der Lizenzserver ist ausgelastet und bittet, später wiederzukommen. Bitte versuchen Sie"
        " es in einigen Minuten noch einmal.",
    ),
    FaultKind.BUSY: (
        "Another request to the license server is under way. Please try again in a moment.",
        "Es läuft gerade eine andere Anfrage an den Lizenzserver. Bitte versuchen Sie es gleich"
        " noch einmal.",
    ),
}
"""Where a conversation with the license server broke off."""

DATABASE_FAULTS = {
    DatabaseFault.BUSY: (
        "The database is busy. Nothing was changed; please try again in a moment.",
        "Die Datenbank ist beschäftigt. Es wurde nichts geändert; bitte versuchen Sie es gleich"
        " noch einmal.",
    ),
    DatabaseFault.READ_ONLY: (
        "The database cannot be written. Nothing was changed; check the disk and its permissions.",
        "Die Datenbank kann nicht beschrieben werden. Es wurde nichts geändert; prüfen Sie den "
        "Datenträger und die Zugriffsrechte.",
    ),
    DatabaseFault.FULL: (
        "The disk is full. Nothing was changed; make room and try again.",
        "Der Datenträger ist voll. Es wurde nichts geändert; schaffen Sie Platz und versuchen "
        "Sie es erneut.",
    ),
    DatabaseFault.OTHER: (
        "The database has a fault. Nothing was changed.",
        "Die Datenbank hat eine Störung. Es wurde nichts geändert.",
    ),
}
"""What the database cannot do."""

STAGES = {
    OrderStage.WAITING: (
        "Waiting for the license server: Saved here; it is sent as soon as the license server "
        "answers. Do not order again.",
        "Wartet auf den Lizenzserver: Hier gespeichert; wird gesendet, sobald der Lizenzserver "
        "antwortet. Bitte nicht erneut bestellen.",
    ),
    OrderStage.CONFIRM_AGAIN: (
        "Confirm again: The price changed before the order arrived. Please confirm again.",
        "Erneut bestätigen: Der Preis hat sich geändert, bevor die Bestellung ankam. Bitte "
        "erneut bestätigen.",
    ),
    OrderStage.SUBMITTED: (
        "Being confirmed: Usually this takes less than a minute; your reseller may take longer.",
        "Wird bestätigt: Meist dauert das weniger als eine Minute; Ihr Händler kann länger "
        "brauchen.",
    ),
    OrderStage.APPROVED: (
        "Approved: The licenses arrive in a moment.",
        "Genehmigt: Die Lizenzen kommen gleich an.",
    ),
    OrderStage.FULFILLED: (
        "Active: The licenses are available.",
        "Aktiv: Die Lizenzen sind verfügbar.",
    ),
    OrderStage.REJECTED: (
        "Not completed: Your reseller declined the order.",
        "Nicht abgeschlossen: Ihr Händler hat die Bestellung abgelehnt.",
    ),
    OrderStage.CANCELLED: (
        "Cancelled: The order was cancelled.",
        "Storniert: Die Bestellung wurde storniert.",
    ),
    OrderStage.FAILED: (
        "Not completed: The order could not be carried out.",
        "Nicht abgeschlossen: Die Bestellung konnte nicht ausgeführt werden.",
    ),
}
"""Label and meaning of an order's stage."""

QUANTITIES = {
    "": (
        "Enter how many you want.",
        "Geben Sie an, wie viele Sie möchten.",
    ),
    "two": (
        "Enter a whole number in digits, for example 2.",
        "Geben Sie eine ganze Zahl in Ziffern ein, zum Beispiel 2.",
    ),
    "1e9": (
        "Enter a whole number in digits, for example 2.",
        "Geben Sie eine ganze Zahl in Ziffern ein, zum Beispiel 2.",
    ),
    "0": (
        "0 orders nothing. Enter 1 or more.",
        "Mit 0 wird nichts bestellt. Geben Sie 1 oder mehr ein.",
    ),
    "-1": (
        "The quantity cannot be negative. Enter 1 or more.",
        "Die Menge kann nicht negativ sein. Geben Sie 1 oder mehr ein.",
    ),
    "1000000000": (
        "At most 10,000 can be ordered at once. Ask your reseller for more.",
        "Auf einmal können höchstens 10.000 bestellt werden. Für mehr fragen Sie Ihren Händler.",
    ),
}
"""What is wrong with a quantity as it was typed."""

USED_UP = {
    Counted.EXTENSION: (
        "Extensions are used up. Existing extensions keep working; you cannot create a new one "
        "until you add a license.",
        "Nebenstellen sind aufgebraucht. Bestehende Nebenstellen funktionieren weiter; für eine"
        " neue brauchen Sie eine weitere Lizenz.",
    ),
    Counted.VOICEMAIL: (
        "Voicemail boxes are used up. Existing boxes keep working; you cannot create a new one "
        "until you add a license.",
        "Voicemail-Boxen sind aufgebraucht. Bestehende Boxen funktionieren weiter; für eine "
        "neue brauchen Sie eine weitere Lizenz.",
    ),
    Counted.ANNOUNCEMENT: (
        "Announcements are used up. Existing announcements keep working; you cannot create a "
        "new one until you add a license.",
        "Ansagen sind aufgebraucht. Bestehende Ansagen funktionieren weiter; für eine neue "
        "brauchen Sie eine weitere Lizenz.",
    ),
    Counted.RING_GROUP: (
        "Ring groups are used up. Existing groups keep working; you cannot create a new one "
        "until you add a license.",
        "Rufgruppen sind aufgebraucht. Bestehende Gruppen funktionieren weiter; für eine neue "
        "brauchen Sie eine weitere Lizenz.",
    ),
    Counted.QUEUE: (
        "Queues are used up. Existing queues keep working; you cannot create a new one until "
        "you add a license.",
        "Warteschlangen sind aufgebraucht. Bestehende Warteschlangen funktionieren weiter; für "
        "eine neue brauchen Sie eine weitere Lizenz.",
    ),
}
"""What a callout says."""
